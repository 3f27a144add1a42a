// One answer to a question of our own (checks, probes), read by the decoders that read traffic's
// answers, by the same rules and limits: what traffic would be refused for is a fault here too.
//
// Sans-IO. Threads: one. Memory: at most a head, and `body_limit` of a body; what comes behind that
// is not asked for.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "proxy/http1/decoder.hpp"
#include "proxy/upstream/wire.hpp"

namespace switchback::upstream {

class AnswerReader {
 public:
  // `keep_body`: to be looked at; else it is only decoded.
  AnswerReader(http::Method asked_with, const Wire& wire, std::size_t body_limit, bool keep_body);

  // Where the next bytes go, and how many may come: at least one.
  char* room();
  std::size_t room_size() const { return capacity_ - size_; }
  // So many came. False: nothing more is wanted.
  bool received(std::size_t bytes);
  void ended();  // the connection did

  bool any() const { return any_; }            // a byte of an answer was there
  unsigned status() const { return status_; }  // 0: no final head yet
  // What traffic would be refused for, with its place; "" when nothing is wrong so far.
  const std::string& fault() const { return fault_; }
  bool whole() const { return whole_; }  // to the end of its body
  bool reusable() const { return whole_ && keep_alive_ && size_ == 0; }
  // Of the final head: whole lines "Name: value", each with CR LF.
  const std::string& fields() const { return fields_; }
  const std::string& body() const { return body_; }

 private:
  bool work();
  bool read_head();
  bool read_body();
  bool refuse(http::Fault fault, http::Place place);
  void take_fields(const http::ResponseHead& head);
  void consume(std::size_t bytes);

  const http::Method asked_with_;
  const http1::Sender sender_;
  const http1::HeadLimits limits_;
  const std::size_t body_limit_;
  const bool keep_body_;
  std::size_t capacity_;
  std::unique_ptr<char[]> data_;
  std::unique_ptr<http::FieldTable> table_ = std::make_unique<http::FieldTable>();
  http1::BodyDecoder decoder_;
  std::size_t size_ = 0, scanned_ = 0, body_bytes_ = 0;
  unsigned status_ = 0, interim_ = 0;
  bool any_ = false, whole_ = false, keep_alive_ = false;
  std::string fault_, fields_, body_;
};

}  // namespace switchback::upstream
