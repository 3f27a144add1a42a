// One HTTP/1.1 answer, read as its bytes come. It is read by Beast's parser and not by the proxy's
// own decoder: what judges the proxy must not share its mistakes. Sans-IO.
#pragma once

#include <boost/beast/http/basic_parser.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace switchback::bench {

// What of an answer is kept.
struct AnswerWish {
  std::string_view header;     // whose value is kept
  std::size_t body_bytes = 0;  // how much of the body is kept
};

class AnswerParser final : public boost::beast::http::basic_parser<false> {
 public:
  AnswerParser(const AnswerWish& wish, std::string& header_value, std::string& body);

  unsigned status() const { return status_; }

 private:
  using string_view = boost::beast::string_view;
  using error_code = boost::beast::error_code;
  using Verb = boost::beast::http::verb;
  using Field = boost::beast::http::field;

  void on_request_impl(Verb, string_view, string_view, int, error_code&) override {}
  void on_response_impl(int status, string_view, int, error_code&) override {
    status_ = static_cast<unsigned>(status);
  }
  void on_field_impl(Field, string_view name, string_view value, error_code&) override;
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(string_view data, error_code&) override;
  void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, string_view data, error_code& ec) override {
    return on_body_impl(data, ec);
  }
  void on_finish_impl(error_code&) override {}
  // Newer Beasts ask for this one too; in older ones it is just a function.
  virtual void on_trailer_field_impl(Field, string_view, string_view, error_code&) {}

  const AnswerWish wish_;
  std::string& header_value_;
  std::string& body_;
  unsigned status_ = 0;
};

// Feeds bytes into one answer after another; informational answers (1xx, save 101) are passed over.
class AnswerReader {
 public:
  enum class State : std::uint8_t { needs_more, done, faulty };

  explicit AnswerReader(AnswerWish wish) : wish_(wish) {}
  void begin();  // a new answer; bytes left over stay
  State feed(std::string_view bytes);
  State at_end();  // the peer has closed

  unsigned status() const { return parser_->status(); }
  bool keep_alive() const { return parser_->keep_alive(); }
  bool started() const { return parser_ && (parser_->got_some() || !pending_.empty()); }
  const std::string& header_value() const { return header_value_; }
  const std::string& body() const { return body_; }
  std::string take_rest();  // bytes behind the answer (a tunnel's first)

 private:
  State advance();

  AnswerWish wish_;
  std::optional<AnswerParser> parser_;
  std::string pending_, header_value_, body_;
};

}  // namespace switchback::bench
