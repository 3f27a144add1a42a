#include "proxy/upstream/answer_reader.hpp"

#include <algorithm>
#include <cstring>

#include "proxy/http/connection_auth.hpp"

namespace switchback::upstream {

using http::Fault;
using http1::DecodeStatus;

namespace {
constexpr std::size_t least_room = 4096;  // behind the largest head, or trailer section
}

AnswerReader::AnswerReader(http::Method asked_with, const Wire& wire, std::size_t body_limit,
                           bool keep_body)
    : asked_with_(asked_with),
      sender_(wire.answers),
      limits_(wire.head_limits),
      body_limit_(body_limit),
      keep_body_(keep_body),
      capacity_(limits_.head_bytes + least_room),
      data_(new char[capacity_]) {}

char* AnswerReader::room() {
  return data_.get() + size_;
}

bool AnswerReader::received(std::size_t bytes) {
  size_ += bytes;
  any_ = any_ || bytes > 0;
  return work();
}

bool AnswerReader::work() {
  while (status_ == 0) {
    const unsigned interim = interim_;
    if (!read_head()) return false;
    if (status_ == 0 && interim == interim_) return true;  // more of it has to come
  }
  return read_body();
}

// False: it is over.
bool AnswerReader::read_head() {
  http::ResponseHead head;
  const http1::DecodeResult got = http1::decode_response_head(data_.get(), size_, limits_, scanned_,
                                                              asked_with_, *table_, head, sender_);
  if (got.status == DecodeStatus::need_more) return true;
  if (got.status == DecodeStatus::rejected) {
    return refuse(got.fault, http::place_in(data_.get(), got.consumed));
  }
  scanned_ = 0;
  if (head.status == 101) return refuse(Fault::unasked_switch, {});
  if (head.status < 200) {
    if (++interim_ > http1::max_interim_answers) return refuse(Fault::interim_flood, {});
    consume(got.consumed);
    return true;
  }
  status_ = head.status;
  keep_alive_ =
      head.keep_alive && head.body != http::BodyKind::until_close && !http::binds_connection(head);
  if (keep_body_) take_fields(head);
  decoder_.start(head.body, head.content_length, limits_, head.named, sender_);
  consume(got.consumed);
  return true;
}

bool AnswerReader::read_body() {
  for (;;) {
    if (decoder_.finished()) {
      whole_ = true;
      return false;
    }
    iovec slices[http1::BodyDecoder::max_slices];
    const auto got = decoder_.decode(data_.get(), size_, slices);
    if (got.status == DecodeStatus::rejected) return refuse(got.fault, {0, decoder_.offset() + 1});
    body_bytes_ += got.body_bytes;
    for (std::size_t i = 0; keep_body_ && i < got.slice_count; ++i) {
      const std::size_t wanted = body_limit_ - std::min(body_limit_, body_.size());
      body_.append(static_cast<const char*>(slices[i].iov_base),
                   std::min(wanted, slices[i].iov_len));
    }
    consume(got.consumed);
    whole_ = got.status == DecodeStatus::complete;
    if (whole_ || body_bytes_ > body_limit_) return false;
    if (got.consumed == 0 || size_ == 0) return true;
  }
}

void AnswerReader::ended() {
  if (!fault_.empty() || whole_) return;
  if (status_ == 0) {
    if (size_ > 0 || interim_ > 0) refuse(Fault::head_cut, {});
    return;
  }
  whole_ = decoder_.end_of_stream() == DecodeStatus::complete;
  keep_alive_ = false;
  if (!whole_) refuse(Fault::body_cut, {});
}

bool AnswerReader::refuse(Fault fault, http::Place place) {
  fault_ = http::describe(http::text_of(fault), place);
  return false;
}

void AnswerReader::take_fields(const http::ResponseHead& head) {
  for (const http::Field& field : head.fields) {
    fields_.append(field.name()).append(": ").append(field.value()).append("\r\n");
  }
}

void AnswerReader::consume(std::size_t bytes) {
  size_ -= bytes;
  std::memmove(data_.get(), data_.get() + bytes, size_);
}

}  // namespace switchback::upstream
