// Response heads as they leave for a client, and answers of the proxy's own (RFC 9112 §4).
#include "proxy/http/date_cache.hpp"
#include "proxy/http/field_names.hpp"
#include "proxy/http1/encoder.hpp"
#include "proxy/http1/writer.hpp"

namespace switchback::http1 {
namespace {

using http::bit_of;
using http::FieldId;

constexpr std::uint64_t rewritten = http::hop_by_hop | bit_of(FieldId::content_length);

void write_status_line(Writer& out, unsigned status, std::string_view reason) {
  const char digits[3] = {static_cast<char>('0' + status / 100 % 10),
                          static_cast<char>('0' + status / 10 % 10),
                          static_cast<char>('0' + status % 10)};
  out.literal("HTTP/1.1 ");
  out.text({digits, 3});
  out.literal(" ");
  out.text(reason.empty() ? reason_phrase(status) : reason);
  out.literal("\r\n");
}

void write_fields(Writer& out, const http::ResponseHead& head, std::uint64_t without) {
  FieldRun run(out);
  for (const http::Field& field : head.fields)
    if (!field.drop && (without & bit_of(field.id)) == 0) run.add(field);
  run.flush();
}

// A switch of protocols, and the refusal that asks for one (RFC 9110 §15.5.22), are the two answers
// whose Upgrade is meant for the client.
bool passes_upgrade(const http::ResponseHead& head) {
  return head.upgrade || head.status == 101 || head.status == 426;
}

// Goes with the status that has to have it (RFC 9110 §15.5.8), and with no other.
void write_challenge(Writer& out, const http::ResponseHead& head) {
  for (const http::Field& field : head.fields)
    if (field.id == FieldId::proxy_authenticate) out.line("Proxy-Authenticate: ", field.value());
}

// One that Connection names is of the server's connection, and does not count.
bool has_date(const http::ResponseHead& head) {
  if (head.named == 0) [[likely]]
    return head.find(FieldId::date) != nullptr;
  for (const http::Field& field : head.fields)
    if (field.id == FieldId::date && !field.drop) return true;
  return false;
}

void write_upgrade(Writer& out, const http::ResponseHead& head) {
  for (const http::Field& field : head.fields)
    if (field.id == FieldId::upgrade) out.line("Upgrade: ", field.value());
}

void write_connection(Writer& out, bool upgrade, const ResponseFraming& framing) {
  if (upgrade && framing.close) {
    out.literal("Connection: upgrade, close\r\n");
  } else if (upgrade) {
    out.literal("Connection: upgrade\r\n");
  } else if (framing.close) {
    out.literal("Connection: close\r\n");
  } else if (framing.keep_alive_1_0) {
    out.literal("Connection: keep-alive\r\n");
  }
}

void write_content_length(Writer& out, std::uint64_t length) {
  out.literal("Content-Length: ");
  out.number(length);
  out.literal("\r\n");
}

}  // namespace

std::size_t write_response_head(char* out, std::size_t room, const http::ResponseHead& head,
                                const ResponseFraming& framing) {
  Writer writer(out, room);
  write_status_line(writer, head.status, head.reason);
  // Trailers are announced only where they will come.
  const bool trailers =
      framing.body == http::BodyKind::chunked || framing.body == http::BodyKind::none;
  write_fields(writer, head, rewritten | (trailers ? 0 : bit_of(FieldId::trailer)));
  if (head.status == 407) [[unlikely]]
    write_challenge(writer, head);
  if (head.status >= 200 && !has_date(head)) writer.line("Date: ", http::http_date_now());

  const bool may_have_length = head.status >= 200 && head.status != 204;  // RFC 9110 §8.6
  if (framing.body == http::BodyKind::chunked) {
    writer.literal("Transfer-Encoding: chunked\r\n");
  } else if (may_have_length &&
             (framing.write_content_length || framing.body == http::BodyKind::length)) {
    write_content_length(writer, framing.content_length);
  }
  const bool upgrade = passes_upgrade(head) && head.find(FieldId::upgrade) != nullptr;
  if (upgrade) write_upgrade(writer, head);
  write_connection(writer, upgrade, framing);
  writer.text(framing.fields);
  writer.literal("\r\n");
  return writer.size();
}

std::size_t write_informational_head(char* out, std::size_t room, const http::ResponseHead& head) {
  Writer writer(out, room);
  write_status_line(writer, head.status, head.reason);
  write_fields(writer, head, rewritten | bit_of(FieldId::trailer));
  if (head.status == 101) {
    write_upgrade(writer, head);
    writer.literal("Connection: upgrade\r\n");
  }
  writer.literal("\r\n");
  return writer.size();
}

std::size_t write_chunk_size(char* out, std::uint64_t size) {
  char digits[16];
  std::size_t count = 0;
  do {
    digits[count++] = "0123456789abcdef"[size & 15];
    size >>= 4;
  } while (size != 0);
  for (std::size_t i = 0; i < count; ++i) out[i] = digits[count - 1 - i];
  out[count] = '\r';
  out[count + 1] = '\n';
  return count + 2;
}

std::size_t write_own_answer(char* out, std::size_t room, unsigned status,
                             std::string_view sentence, std::string_view request_id,
                             std::string_view fields, OwnConnection connection, bool head_only) {
  Writer writer(out, room);
  write_status_line(writer, status, {});
  writer.line("Date: ", http::http_date_now());
  if (!request_id.empty()) writer.line("X-Request-Id: ", request_id);
  if (status == 429 || status == 503) writer.literal("Retry-After: 1\r\n");
  const std::string_view text = sentence.empty() ? reason_phrase(status) : sentence;
  writer.literal("Content-Type: text/plain; charset=utf-8\r\n");
  writer.literal("Cache-Control: no-store\r\n");
  write_content_length(writer, text.size() + 1);
  writer.text(fields);
  if (connection == OwnConnection::close) writer.literal("Connection: close\r\n");
  if (connection == OwnConnection::kept_1_0) writer.literal("Connection: keep-alive\r\n");
  writer.literal("\r\n");
  if (!head_only) {
    writer.text(text);
    writer.literal("\n");
  }
  return writer.size();
}

}  // namespace switchback::http1
