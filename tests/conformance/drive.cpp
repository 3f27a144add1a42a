#include "tests/conformance/drive.hpp"

#include <cstring>
#include <memory>

#include "proxy/http1/decoder.hpp"
#include "proxy/http1/encoder.hpp"

namespace switchback::conformance {
namespace {

using http1::DecodeStatus;

std::string framing_name(http::BodyKind kind, std::uint64_t length) {
  switch (kind) {
    case http::BodyKind::none:
      return "none";
    case http::BodyKind::length:
      return "length " + std::to_string(length);
    case http::BodyKind::chunked:
      return "chunked";
    case http::BodyKind::until_close:
      return "until_close";
  }
  return "?";
}

std::string refusal(http::Reason reason) {
  return std::to_string(http::status_of(reason)) + " " + std::string(http::name_of(reason));
}

std::string names_of(http::Lapses lapses) {
  std::string out;
  for (std::size_t i = 0; i < http::lapse_count; ++i) {
    const auto lapse = static_cast<http::Lapse>(i);
    if ((lapses & http::bit_of(lapse)) != 0) out.append(http::name_of(lapse)).append(" ");
  }
  return out;
}

void flag(std::string& out, const char* name, bool value) {
  out += name;
  out += value ? "=yes " : "=no ";
}

// Exactly as large as what it holds.
struct Copy {
  explicit Copy(std::string_view text) : size(text.size()), data(new char[text.size()]) {
    std::memcpy(data.get(), text.data(), size);
  }
  std::size_t size;
  std::unique_ptr<char[]> data;
};

// Takes one message off a stream of pieces.
class Driver {
 public:
  explicit Driver(const std::vector<std::string_view>& pieces, bool request = false)
      : pieces_(pieces), request_(request) {}

  // `decode(data, size)` until it does not want more; what it used up is taken off.
  template <class Decode>
  http1::DecodeResult head(Decode&& decode) {
    for (;;) {
      // As a session does before it gives up.
      if (const std::size_t raw = http1::count_raw_target_bytes(pending_.data(), pending_.size());
          raw != 0 && request_) {
        const std::size_t size = pending_.size();
        pending_.resize(size + 2 * raw);
        http1::encode_raw_target(pending_.data(), size, raw);
      }
      Copy copy(pending_);
      const http1::DecodeResult result = decode(copy.data.get(), copy.size);
      if (result.status == DecodeStatus::complete) pending_.erase(0, result.consumed);
      if (result.status != DecodeStatus::need_more || !read()) return result;
    }
  }

  void body(http1::BodyDecoder& decoder, bool closes, Outcome& out) {
    for (;;) {
      Copy copy(pending_);
      iovec slices[http1::BodyDecoder::max_slices];
      const auto result = decoder.decode(copy.data.get(), copy.size, slices);
      for (std::size_t i = 0; i < result.slice_count; ++i)
        out.body.append(static_cast<const char*>(slices[i].iov_base), slices[i].iov_len);
      pending_.erase(0, result.consumed);
      if (result.status == DecodeStatus::rejected) {
        out.verdict = refusal(result.reason);
        return;
      }
      if (result.status == DecodeStatus::complete) {
        out.verdict = "ok";
        out.trailers.assign(decoder.trailers_size() > 0 ? decoder.trailers() : "",
                            decoder.trailers_size());
        return;
      }
      if (result.slice_count == http1::BodyDecoder::max_slices || read()) continue;
      out.verdict = "more";
      if (closes)
        out.verdict = decoder.end_of_stream() == DecodeStatus::complete
                          ? "ok"
                          : refusal(http::Reason::response_truncated);
      return;
    }
  }

  std::string rest() {
    while (read()) {
    }
    return pending_;
  }

 private:
  bool read() {
    if (next_ == pieces_.size()) return false;
    pending_ += pieces_[next_++];
    return true;
  }
  const std::vector<std::string_view>& pieces_;
  const bool request_;
  std::size_t next_ = 0;
  std::string pending_;
};

// `size`: of what came in. The authority is the only part of it that can be written three times.
template <class Head, class Write>
std::string encoded(const Head& head, std::size_t size, Write&& write) {
  std::string out(3 * size + 1024, '\0');
  out.resize(write(out.data(), out.size(), head));
  return out;
}

}  // namespace

Outcome drive_request(const std::vector<std::string_view>& pieces, bool trusted) {
  Outcome out;
  Driver driver(pieces, true);
  http::FieldTable table;
  http::RequestHead head;
  http1::HeadLimits limits;
  http1::BodyDecoder body;
  std::size_t scanned = 0;
  // Views are only good while the bytes are there: everything is told within the call.
  const auto result = driver.head([&](const char* data, std::size_t size) {
    const auto step = http1::decode_request_head(data, size, limits, scanned, table, head);
    if (step.status != DecodeStatus::complete) return step;
    out.first = std::string(head.method_text) + " " + std::string(head.target) + " " +
                std::string(head.authority);
    flag(out.flags, "keep_alive", head.keep_alive);
    flag(out.flags, "expect_continue", head.expect_continue);
    flag(out.flags, "upgrade", head.upgrade);
    flag(out.flags, "te_trailers", head.te_trailers);
    out.framing = framing_name(head.body, head.content_length);
    out.forwarded =
        encoded(head, size, [&](char* to, std::size_t room, const http::RequestHead& from) {
          http1::RequestAdditions additions;
          additions.client_ip = "203.0.113.7";
          additions.scheme = "http";
          additions.trusted = trusted;
          additions.request_id = "id-1";
          additions.body = from.body;
          additions.content_length = from.content_length;
          return http1::write_request_head(to, room, from, additions);
        });
    return step;
  });
  if (result.status == DecodeStatus::need_more) out.verdict = "more";
  if (result.status == DecodeStatus::rejected) out.verdict = refusal(result.reason);
  if (result.status == DecodeStatus::complete) {
    body.start(head.body, head.content_length, limits, head.named);
    driver.body(body, false, out);
  }
  if (out.verdict == "ok") out.left = driver.rest();
  return out;
}

Outcome drive_response(const std::vector<std::string_view>& pieces, http::Method asked_with,
                       bool closes, bool strict) {
  const http1::Sender sender = strict ? http1::Sender::server : http1::Sender::forgiven_server;
  Outcome out;
  Driver driver(pieces);
  http::FieldTable table;
  http::ResponseHead head;
  http1::HeadLimits limits;
  http1::BodyDecoder body;
  std::size_t scanned = 0;
  const auto result = driver.head([&](char* data, std::size_t size) {
    const auto step =
        http1::decode_response_head(data, size, limits, scanned, asked_with, table, head, sender);
    if (step.status != DecodeStatus::complete) return step;
    out.first = std::to_string(head.status) + " " + std::string(head.reason);
    flag(out.flags, "keep_alive", head.keep_alive);
    flag(out.flags, "upgrade", head.upgrade);
    out.framing = framing_name(head.body, head.content_length);
    out.forwarded =
        encoded(head, size, [&](char* to, std::size_t room, const http::ResponseHead& from) {
          if (from.status < 200) return http1::write_informational_head(to, room, from);
          http1::ResponseFraming framing;
          framing.body = from.body;
          framing.content_length = from.content_length;
          framing.write_content_length = from.find(http::FieldId::content_length) != nullptr;
          framing.close = from.body == http::BodyKind::until_close;
          return http1::write_response_head(to, room, from, framing);
        });
    return step;
  });
  if (result.status == DecodeStatus::need_more) out.verdict = "more";
  if (result.status == DecodeStatus::rejected) out.verdict = refusal(result.reason);
  if (result.status == DecodeStatus::complete) {
    body.start(head.body, head.content_length, limits, head.named, sender);
    driver.body(body, closes, out);
    out.lapses = names_of(head.lapses | body.lapses());
  }
  if (out.verdict == "ok") out.left = driver.rest();
  return out;
}

Outcome drive_chunked(const std::vector<std::string_view>& pieces, bool forgiven) {
  Outcome out;
  Driver driver(pieces);
  http1::BodyDecoder body;
  body.start(http::BodyKind::chunked, 0, {}, 0,
             forgiven ? http1::Sender::forgiven_server : http1::Sender::client);
  driver.body(body, false, out);
  out.lapses = names_of(body.lapses());
  if (out.verdict == "ok") out.left = driver.rest();
  return out;
}

}  // namespace switchback::conformance
