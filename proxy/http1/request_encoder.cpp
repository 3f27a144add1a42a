// Request heads as they leave for a server (RFC 9112 §3, RFC 9110 §7.6).
#include "proxy/http/field_names.hpp"
#include "proxy/http/forwarded.hpp"
#include "proxy/http/traceparent.hpp"
#include "proxy/http1/encoder.hpp"
#include "proxy/http1/writer.hpp"

namespace switchback::http1 {
namespace {

using http::bit_of;
using http::FieldId;

// Always written anew, from what the decoder understood, never copied.
constexpr std::uint64_t rewritten =
    http::hop_by_hop | bit_of(FieldId::host) | bit_of(FieldId::content_length);

// What a client we do not trust may not say about itself.
constexpr std::uint64_t forwarding = bit_of(FieldId::forwarded) | bit_of(FieldId::x_forwarded_for) |
                                     bit_of(FieldId::x_forwarded_proto) |
                                     bit_of(FieldId::x_forwarded_host) |
                                     bit_of(FieldId::x_forwarded_port) | bit_of(FieldId::x_real_ip);

// tracestate belongs to its traceparent: it goes when another trace takes that one's place.
bool keeps_trace(const http::RequestHead& head, std::string_view traceparent) {
  const http::Field* const was = head.find(FieldId::traceparent);
  return was != nullptr && was->value_size >= http::traceparent_size &&
         traceparent.size() >= http::traceparent_size &&
         http::trace_id_of(was->value()) == http::trace_id_of(traceparent);
}

std::uint64_t left_out(const http::RequestHead& head, const RequestAdditions& additions) {
  std::uint64_t ids = rewritten;
  ids |= additions.trusted ? bit_of(FieldId::x_forwarded_for) : forwarding;
  if (additions.via) ids |= bit_of(FieldId::via);
  if (!additions.request_id.empty()) ids |= bit_of(FieldId::x_request_id);
  if (!additions.traceparent.empty()) {
    ids |= bit_of(FieldId::traceparent);
    if (!keeps_trace(head, additions.traceparent)) ids |= bit_of(FieldId::tracestate);
  }
  return ids;
}

bool met(const http::RequestHead& head, FieldId id) {
  return head.find(id) != nullptr;
}

// The values of all fields with that id in one list, with a comma behind.
void write_list(Writer& out, const http::RequestHead& head, FieldId id) {
  for (const http::Field& field : head.fields) {
    if (field.id != id || field.value_size == 0) continue;
    out.text(field.value());
    out.literal(", ");
  }
}

void write_forwarding(Writer& out, const http::RequestHead& head,
                      const RequestAdditions& additions) {
  out.literal("X-Forwarded-For: ");
  if (additions.trusted && met(head, FieldId::x_forwarded_for))
    write_list(out, head, FieldId::x_forwarded_for);
  out.text(additions.client_ip);
  out.literal("\r\n");
  if (!additions.trusted || !met(head, FieldId::x_forwarded_proto))
    out.line("X-Forwarded-Proto: ", additions.scheme);
  if (!head.authority.empty() && (!additions.trusted || !met(head, FieldId::x_forwarded_host)))
    out.line("X-Forwarded-Host: ", head.authority);
}

// Our own entry behind those of the proxies before.
void write_via(Writer& out, const http::RequestHead& head) {
  out.literal("Via: ");
  if (met(head, FieldId::via)) write_list(out, head, FieldId::via);
  if (head.minor_version == 0) {
    out.literal("1.0 switchback\r\n");
  } else {
    out.literal("1.1 switchback\r\n");
  }
}

void write_framing(Writer& out, const RequestAdditions& additions) {
  if (additions.body == http::BodyKind::length) {
    out.literal("Content-Length: ");
    out.number(additions.content_length);
    out.literal("\r\n");
  } else if (additions.body == http::BodyKind::chunked) {
    out.literal("Transfer-Encoding: chunked\r\n");
  }
}

// TE is of the connection, so that Connection has to name it (RFC 9110 §10.1.4).
void write_connection(Writer& out, const http::RequestHead& head) {
  if (head.te_trailers) out.literal("TE: trailers\r\n");
  if (head.upgrade) {
    out.line("Upgrade: ", head.upgrade_protocol);
    if (head.te_trailers) {
      out.literal("Connection: upgrade, TE\r\n");
    } else {
      out.literal("Connection: upgrade\r\n");
    }
  } else if (head.te_trailers) {
    out.literal("Connection: TE\r\n");
  }
}

}  // namespace

std::size_t write_request_head(char* out, std::size_t room, const http::RequestHead& head,
                               const RequestAdditions& additions) {
  Writer writer(out, room);
  writer.text(head.method_text);
  writer.literal(" ");
  writer.text(head.target);
  writer.literal(" HTTP/1.1\r\n");
  writer.line("Host: ", additions.host.empty() ? head.authority : additions.host);

  const std::uint64_t without = left_out(head, additions);
  FieldRun run(writer);
  for (const http::Field& field : head.fields) {
    if (field.drop || (without & bit_of(field.id)) != 0) continue;
    if (field.id == FieldId::other && !additions.trusted && (field.name_data[0] | 0x20) == 'x' &&
        http::is_forwarding_alias(field.name()))
      continue;
    run.add(field);
  }
  run.flush();

  write_forwarding(writer, head, additions);
  if (!additions.request_id.empty()) writer.line("X-Request-Id: ", additions.request_id);
  if (!additions.traceparent.empty()) writer.line("traceparent: ", additions.traceparent);
  if (additions.mirrored) [[unlikely]]
    writer.literal("X-Switchback-Mirror: 1\r\n");
  if (additions.via) write_via(writer, head);
  write_framing(writer, additions);
  write_connection(writer, head);
  writer.literal("\r\n");
  return writer.size();
}

}  // namespace switchback::http1
