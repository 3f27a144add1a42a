#include <string>

#include "proxy/http1/decoder.hpp"
#include "tests/support/catch.hpp"

using namespace switchback;
using http1::BodyDecoder;
using http1::DecodeStatus;

namespace {

struct Step {
  BodyDecoder::Result result;
  std::string body;
  std::size_t slices;
};

Step feed(BodyDecoder& decoder, std::string text) {
  iovec slices[BodyDecoder::max_slices];
  Step step{decoder.decode(text.data(), text.size(), slices), "", 0};
  step.slices = step.result.slice_count;
  for (std::size_t i = 0; i < step.slices; ++i)
    step.body.append(static_cast<const char*>(slices[i].iov_base), slices[i].iov_len);
  CHECK(step.body.size() == step.result.body_bytes);
  return step;
}

BodyDecoder chunked(http1::HeadLimits limits = {}) {
  BodyDecoder decoder;
  decoder.start(http::BodyKind::chunked, 0, limits);
  return decoder;
}

}  // namespace

TEST_CASE("without a body there is nothing to decode") {
  BodyDecoder decoder;
  decoder.start(http::BodyKind::none, 0, {});
  CHECK(decoder.finished());
  const Step step = feed(decoder, "GET /");
  CHECK(step.result.status == DecodeStatus::complete);
  CHECK(step.result.consumed == 0);
  CHECK(decoder.end_of_stream() == DecodeStatus::complete);
}

TEST_CASE("a body by length takes its bytes and no more") {
  BodyDecoder decoder;
  decoder.start(http::BodyKind::length, 5, {});
  CHECK(decoder.remaining() == 5);
  Step step = feed(decoder, "he");
  CHECK(step.result.status == DecodeStatus::need_more);
  CHECK(decoder.remaining() == 3);
  step = feed(decoder, "lloGET");
  CHECK(step.result.status == DecodeStatus::complete);
  CHECK(step.result.consumed == 3);
  CHECK(step.body == "llo");
  CHECK(decoder.finished());
  CHECK(feed(decoder, "x").result.consumed == 0);
}

TEST_CASE("a body by length of nothing is over at once") {
  BodyDecoder decoder;
  decoder.start(http::BodyKind::length, 0, {});
  CHECK(decoder.finished());
}

TEST_CASE("an end too early is told") {
  BodyDecoder decoder;
  decoder.start(http::BodyKind::length, 5, {});
  feed(decoder, "he");
  CHECK(decoder.end_of_stream() == DecodeStatus::rejected);
  CHECK_FALSE(decoder.finished());
  CHECK(feed(decoder, "llo").result.status == DecodeStatus::rejected);
  BodyDecoder other = chunked();
  feed(other, "1\r\nx\r\n0\r\n");
  CHECK(other.end_of_stream() == DecodeStatus::rejected);
}

TEST_CASE("a body until the end of the connection ends with it") {
  BodyDecoder decoder;
  decoder.start(http::BodyKind::until_close, 0, {});
  const Step step = feed(decoder, "hello");
  CHECK(step.body == "hello");
  CHECK(step.result.status == DecodeStatus::need_more);
  CHECK(feed(decoder, "").slices == 0);
  CHECK(decoder.end_of_stream() == DecodeStatus::complete);
  CHECK(decoder.finished());
}

TEST_CASE("small chunks become one slice, large ones stay where they are") {
  BodyDecoder decoder = chunked();
  std::string text;
  for (int i = 0; i < 500; ++i) text += "1\r\nx\r\n";
  Step step = feed(decoder, text);
  CHECK(step.slices == 1);
  CHECK(step.body == std::string(500, 'x'));
  const std::string large(1000, 'y');
  step = feed(decoder, "3E8\r\n" + large + "\r\n3e8;x\r\n" + large + "\r\n3\r\nend\r\n0\r\n\r\n");
  CHECK(step.slices == 2);
  CHECK(step.body == large + large + "end");
  CHECK(step.result.status == DecodeStatus::complete);
}

TEST_CASE("full slices stop the decoder, which then goes on where it stopped") {
  BodyDecoder decoder = chunked();
  const std::string chunk = "258\r\n" + std::string(600, 'x') + "\r\n";
  std::string text;
  for (std::size_t i = 0; i < BodyDecoder::max_slices + 3; ++i) text += chunk;
  text += "0\r\n\r\n";
  Step step = feed(decoder, text);
  CHECK(step.slices == BodyDecoder::max_slices);
  CHECK(step.result.status == DecodeStatus::need_more);
  REQUIRE(step.result.consumed < text.size());
  step = feed(decoder, text.substr(step.result.consumed));
  CHECK(step.slices == 3);
  CHECK(step.result.status == DecodeStatus::complete);
}

TEST_CASE("the remaining bytes of a chunk are known") {
  BodyDecoder decoder = chunked();
  feed(decoder, "10\r\nabcd");
  CHECK(decoder.remaining() == 12);
}

TEST_CASE("trailers are offered again until they are whole") {
  BodyDecoder decoder = chunked();
  Step step = feed(decoder, "1\r\nx\r\n0\r\nX-S");
  CHECK(step.result.status == DecodeStatus::need_more);
  CHECK(step.result.consumed == 9);
  CHECK(step.body == "x");
  step = feed(decoder, "X-Sum: 1\r\n");
  CHECK(step.result.consumed == 0);
  std::string text = "X-Sum: 1\r\nHost: b\r\nX-Two:  2 \r\n\r\nnext";
  iovec slices[BodyDecoder::max_slices];
  const auto result = decoder.decode(text.data(), text.size(), slices);
  CHECK(result.status == DecodeStatus::complete);
  CHECK(text.substr(result.consumed) == "next");
  REQUIRE(decoder.trailers() != nullptr);
  CHECK(std::string(decoder.trailers(), decoder.trailers_size()) == "X-Sum: 1\r\nX-Two: 2\r\n");
}

TEST_CASE("a body that was refused stays refused") {
  BodyDecoder decoder = chunked();
  CHECK(feed(decoder, "x").result.reason == http::Reason::bad_chunk);
  CHECK(feed(decoder, "0\r\n\r\n").result.status == DecodeStatus::rejected);
  CHECK_FALSE(decoder.finished());
}

TEST_CASE("trailers have the limits of a head") {
  http1::HeadLimits limits;
  limits.head_bytes = 12;
  const std::string fits = "0\r\nAbcd: 12\r\n\r\n";
  BodyDecoder decoder = chunked(limits);
  CHECK(feed(decoder, fits).result.status == DecodeStatus::complete);
  decoder = chunked(limits);
  CHECK(feed(decoder, "0\r\nAbcd: 123\r\n\r\n").result.reason == http::Reason::trailers_too_large);
  limits = {};
  limits.fields = 1;
  decoder = chunked(limits);
  CHECK(feed(decoder, "0\r\nA: b\r\nC: d\r\n\r\n").result.reason ==
        http::Reason::trailers_too_large);
}

TEST_CASE("extensions are counted over the whole body") {
  BodyDecoder decoder = chunked();
  const std::string chunk = "1;" + std::string(255, 'e') + "\r\nx\r\n";
  http::Reason reason = http::Reason::none;
  int chunks = 0;
  for (; reason == http::Reason::none && chunks < 1000; ++chunks)
    reason = feed(decoder, chunk).result.reason;
  CHECK(reason == http::Reason::bad_chunk);
  CHECK(chunks == 65);
}

TEST_CASE("what may come behind the content") {
  using http::FieldId;
  for (const char* name : {"X-Checksum", "Grpc-Status", "Server-Timing", "ETag", "Digest"})
    CHECK(http1::may_be_trailer(FieldId::other, name));
  for (const char* name : {"content-encoding", "Set-Cookie", "WWW-Authenticate", "X-Forwarded-Foo"})
    CHECK_FALSE(http1::may_be_trailer(FieldId::other, name));
  CHECK_FALSE(http1::may_be_trailer(FieldId::content_length, "content-length"));
  CHECK_FALSE(http1::may_be_trailer(FieldId::x_forwarded_for, "x-forwarded-for"));
}

TEST_CASE("trailers whose lines end with LF alone never grow past what they came in") {
  std::string text = "0\nX-A: 1\nX-B:2\nX-C:3\n\n";
  const std::string behind = "HTTP/1.1 200 OK";
  text += behind;
  BodyDecoder decoder;
  decoder.start(http::BodyKind::chunked, 0, {}, 0, http1::Sender::forgiven_server);
  iovec slices[BodyDecoder::max_slices];
  const auto result = decoder.decode(text.data(), text.size(), slices);
  REQUIRE(result.status == DecodeStatus::complete);
  CHECK(std::string(decoder.trailers(), decoder.trailers_size()) == "X-A:1\r\nX-C:3\r\n");
  CHECK(text.substr(result.consumed) == behind);
}
