#include "bench/switchover/answer.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>

#include <algorithm>

namespace switchback::bench {

namespace beast = boost::beast;

AnswerParser::AnswerParser(const AnswerWish& wish, std::string& header_value, std::string& body)
    : wish_(wish), header_value_(header_value), body_(body) {
  header_limit(64 * 1024);
  body_limit(boost::none);
  eager(true);
}

void AnswerParser::on_field_impl(Field, string_view name, string_view value, error_code&) {
  if (!wish_.header.empty() && beast::iequals(name, {wish_.header.data(), wish_.header.size()})) {
    header_value_.assign(value.data(), value.size());
  }
}

std::size_t AnswerParser::on_body_impl(string_view data, error_code&) {
  const auto room = wish_.body_bytes > body_.size() ? wish_.body_bytes - body_.size() : 0;
  body_.append(data.data(), std::min<std::size_t>(room, data.size()));
  return data.size();
}

void AnswerReader::begin() {
  header_value_.clear();
  body_.clear();
  parser_.emplace(wish_, header_value_, body_);
}

AnswerReader::State AnswerReader::feed(std::string_view bytes) {
  pending_.append(bytes);
  return advance();
}

AnswerReader::State AnswerReader::advance() {
  while (true) {
    beast::error_code ec;
    const auto used = pending_.empty()
                          ? 0
                          : parser_->put(boost::asio::buffer(pending_.data(), pending_.size()), ec);
    pending_.erase(0, used);
    if (ec && ec != beast::http::error::need_more) return State::faulty;
    const unsigned status = parser_->status();
    if (parser_->is_header_done() && status >= 100 && status < 200 && status != 101) {
      begin();
      if (!pending_.empty()) continue;
      return State::needs_more;
    }
    if (parser_->is_header_done() && status == 101) return State::done;
    if (parser_->is_done()) return State::done;
    if (ec || pending_.empty() || used == 0) return State::needs_more;
  }
}

AnswerReader::State AnswerReader::at_end() {
  beast::error_code ec;
  if (!parser_->got_some()) return State::faulty;
  parser_->put_eof(ec);
  return !ec && parser_->is_done() ? State::done : State::faulty;
}

std::string AnswerReader::take_rest() {
  return std::exchange(pending_, {});
}

}  // namespace switchback::bench
