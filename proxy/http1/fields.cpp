#include "proxy/http1/fields.hpp"

#include <bit>
#include <cstring>
#include <limits>

#include "proxy/http/chars.hpp"
#include "proxy/http/field_names.hpp"
#include "proxy/http/forwarded.hpp"
#include "proxy/http1/scan.hpp"

namespace switchback::http1 {
namespace {

using http::Fault;
using http::FieldId;
using http::Lapse;
using http::Reason;

// Byte by byte: for names that are long, near the end of the data, or wrong.
Progress read_name_slowly(const char* p, const char* end, Sender sender, std::size_t& size) {
  const char* q = p;
  while (q < end && http::is_token_char(*q)) ++q;
  size = static_cast<std::size_t>(q - p);
  if (sender != Sender::client && size > 0)
    while (q < end && http::is_ows(*q) && q - p <= static_cast<std::ptrdiff_t>(max_name_size)) ++q;
  if (static_cast<std::size_t>(q - p) > max_name_size)
    return Progress::reject(Reason::head_too_large, Fault::long_name, p);
  if (q == end) return Progress::more();
  if (*q == ':' && size > 0) return Progress::done(q);
  if (*q == '\n') return Progress::reject(Reason::bare_cr_or_lf, Fault::no_colon, q);
  if (*q == '\r') return Progress::reject(Reason::bad_field, Fault::no_colon, q);
  if (*q == ':') return Progress::reject(Reason::bad_field, Fault::empty_name, q);
  if (size == 0 && http::is_ows(*q)) {
    return Progress::reject(Reason::obs_fold, Fault::folded_line, q);
  }
  return Progress::reject(Reason::bad_field, Fault::bad_name, q);
}

// After a value or at the end of the head: exactly CR LF.
inline Progress read_line_end(const char* p, const char* end) {
  if (end - p >= 2 && std::memcmp(p, "\r\n", 2) == 0) [[likely]]
    return Progress::done(p + 2);
  if (p == end) return Progress::more();
  if (*p == '\n') return Progress::reject(Reason::bare_cr_or_lf, Fault::line_feed, p);
  if (*p != '\r') {
    return Progress::reject(Reason::bad_field, *p == 0 ? Fault::nul_byte : Fault::control_byte, p);
  }
  if (end - p == 1) return Progress::more();
  return Progress::reject(Reason::bare_cr_or_lf, Fault::bare_cr, p);
}

void forgive(FieldFacts& facts, Lapse lapse) {
  facts.lapses = static_cast<http::Lapses>(facts.lapses | http::bit_of(lapse));
}

// A line that goes on with the value before it (RFC 9112 §5.2), at its white space. Fields that
// frame are not read like that, and a line of white space alone looks like the end to some.
Progress read_folded_line(const char* p, const char* end, unsigned limit, http::FieldTable& table,
                          FieldFacts& facts) {
  http::Field& field = table.fields[facts.count - 1];
  constexpr std::uint64_t framing =
      http::bit_of(FieldId::content_length) | http::bit_of(FieldId::transfer_encoding);
  if ((framing & http::bit_of(field.id)) != 0) {
    return Progress::reject(Reason::obs_fold, Fault::folded_framing, p);
  }
  if (++facts.folds > limit) return Progress::reject(Reason::too_many_fields);
  const char* value = p;
  while (value < end && http::is_ows(*value)) ++value;
  const char* stop = scan::value_end(value, end);
  const Progress line = read_forgiven_line(stop, end, facts.lapses);
  if (line.status != DecodeStatus::complete) return line;
  while (stop > value && http::is_ows(stop[-1])) --stop;
  if (stop == value) return Progress::reject(Reason::obs_fold, Fault::empty_fold, p);
  if (field.value_size == 0) field.value_data = value;
  field.value_size = static_cast<std::uint32_t>(stop - field.value_data);
  forgive(facts, Lapse::folded_line);
  return line;
}

// What begins with a byte no name begins with: the empty line, or what is only forgiven.
Progress read_odd_line(const char* p, const char* end, unsigned limit, http::FieldTable& table,
                       FieldFacts& facts, bool& over) {
  over = true;
  if (*p == '\n') {
    forgive(facts, Lapse::line_feed);
    return Progress::done(p + 1);
  }
  if (!http::is_ows(*p)) {
    return Progress::reject(Reason::bad_field, *p == 0 ? Fault::nul_byte : Fault::bad_name, p);
  }
  if (facts.count == 0) return Progress::reject(Reason::obs_fold, Fault::folded_line, p);
  over = false;
  return read_folded_line(p, end, limit, table, facts);
}

// Where its colon is, its size and its id.
inline Progress read_name(const char* p, const char* end, Sender sender, FieldId& id,
                          std::size_t& size) {
  if (const char* colon = scan::near_colon(p, end)) [[likely]] {
    size = static_cast<std::size_t>(colon - p);
    if (const auto* entry = http::names::lookup(p, size)) {
      id = entry->id;
      return Progress::done(colon);
    }
    if (http::is_token({p, size})) {
      id = size < http::names::min_size ? http::names::short_id(p, size) : FieldId::other;
      return Progress::done(colon);
    }
  }
  const Progress name = read_name_slowly(p, end, sender, size);
  if (name.status == DecodeStatus::complete) id = http::field_id(p, size);
  return name;
}

void mark_named(http::FieldTable& table, const FieldFacts& facts, FieldId id,
                std::string_view name) {
  for (std::size_t i = 0; i < facts.count; ++i) {
    http::Field& field = table.fields[i];
    if (field.id == id && (id != FieldId::other || http::iequals(field.name(), name)))
      field.drop = true;
  }
}

Reason read_option(std::string_view option, http::FieldTable& table, const FieldFacts& facts,
                   std::uint64_t refused, ConnectionOptions& out, unsigned& named,
                   http::Lapses* lapses) {
  using http::names::is;
  if (is<"close">(option)) {
    out.close = true;
  } else if (is<"keep-alive">(option)) {
    out.keep_alive = true;
  } else if (is<"upgrade">(option)) {
    out.upgrade = true;
  } else {
    if (!http::is_token(option) && lapses != nullptr) {
      *lapses = static_cast<http::Lapses>(*lapses | http::bit_of(Lapse::connection_option));
      return Reason::none;
    }
    if (!http::is_token(option) || ++named > max_connection_options) return Reason::bad_field;
    const FieldId id = http::field_id(option.data(), option.size());
    out.named |= http::name_bit(option);
    if (refused & http::bit_of(id)) {
      out.refused = true;
      return framing_fields & http::bit_of(id) ? Reason::bad_framing : Reason::bad_field;
    }
    // Every X-Forwarded-… that has no id of its own is as much a proxy's word.
    if ((refused & http::bit_of(FieldId::x_forwarded_for)) != 0 &&
        http::is_forwarding_alias(option)) {
      return Reason::bad_field;
    }
    mark_named(table, facts, id, option);
  }
  return Reason::none;
}

}  // namespace

Progress read_fields(const char* p, const char* end, unsigned limit, http::FieldTable& table,
                     FieldFacts& facts, Sender sender) {
  for (;;) {
    if (p == end) return Progress::more();
    if (*p == '\r') return read_line_end(p, end);
    if (sender == Sender::forgiven_server && static_cast<unsigned char>(*p) <= ' ') [[unlikely]] {
      bool over = false;
      const Progress line = read_odd_line(p, end, limit, table, facts, over);
      if (over || line.status != DecodeStatus::complete) return line;
      p = line.at;
      continue;
    }
    if (facts.count == limit) {
      return Progress::reject(Reason::too_many_fields, Fault::too_many_fields, p);
    }

    FieldId id;
    std::size_t name_size = 0;
    const Progress name = read_name(p, end, sender, id, name_size);
    if (name.status != DecodeStatus::complete) return name;
    const char* value = name.at + 1;
    // One space is the rule; anything else that low is looked at more closely.
    if (value < end && *value == ' ') ++value;
    if (value < end && static_cast<unsigned char>(*value) <= ' ') [[unlikely]]
      while (value < end && http::is_ows(*value)) ++value;
    const char* stop = scan::value_end(value, end);
    Progress line = read_line_end(stop, end);
    if (line.status != DecodeStatus::complete) [[unlikely]] {
      if (line.status == DecodeStatus::need_more || sender != Sender::forgiven_server) return line;
      line = read_forgiven_line(stop, end, facts.lapses);
      if (line.status != DecodeStatus::complete) return line;
    }
    while (stop > value && http::is_ows(stop[-1])) --stop;

    const std::uint64_t bit = http::bit_of(id);
    table.fields[facts.count] = {p,
                                 value,
                                 static_cast<std::uint32_t>(stop - value),
                                 static_cast<std::uint16_t>(name_size),
                                 id,
                                 (http::hop_by_hop & bit) != 0};
    facts.repeated |= facts.present & bit;
    facts.present |= bit;
    facts.last[static_cast<std::size_t>(id)] = static_cast<std::uint8_t>(facts.count);
    ++facts.count;
    p = line.at;
  }
}

Progress read_forgiven_line(const char*& stop, const char* end, http::Lapses& lapses) {
  for (;;) {
    if (stop == end) return Progress::more();
    if (*stop == '\n') {
      lapses = static_cast<http::Lapses>(lapses | http::bit_of(Lapse::line_feed));
      return Progress::done(stop + 1);
    }
    if (*stop == '\r' || *stop == 0) return read_line_end(stop, end);
    lapses = static_cast<http::Lapses>(lapses | http::bit_of(Lapse::control_byte));
    stop = scan::value_end(stop + 1, end);
  }
}

void join_folds(char* data, const http::FieldTable& table, const FieldFacts& facts) {
  for (std::size_t i = 0; i < facts.count; ++i) {
    const http::Field& field = table.fields[i];
    char* const value = data + (field.value_data - data);
    for (std::uint32_t at = 0; at < field.value_size; ++at)
      if (value[at] == '\r' || value[at] == '\n') value[at] = ' ';
  }
}

bool worth_reading(const char* data, std::size_t size, std::size_t scanned) {
  if (scanned == 0 || std::bit_width(size) > std::bit_width(scanned)) return true;
  const char* const end = data + size;
  const char* p = data + scanned;
  if (p[-1] == '\r') --p;  // its other half was not there yet
  p = scan::value_end(p, end);
  return p != end && !(*p == '\r' && end - p == 1);
}

Reason read_connection(http::FieldTable& table, const FieldFacts& facts, std::uint64_t refused,
                       ConnectionOptions& out, http::Lapses* lapses) {
  if (!facts.has(FieldId::connection)) return Reason::none;
  unsigned named = 0;
  const bool several = facts.several(FieldId::connection);
  std::size_t i = several ? 0 : facts.last[static_cast<std::size_t>(FieldId::connection)];
  const std::size_t stop = several ? facts.count : i + 1;
  for (; i < stop; ++i) {
    if (table.fields[i].id != FieldId::connection) continue;
    for (std::string_view list = table.fields[i].value(); !list.empty();) {
      const std::string_view option = http::next_element(list);
      if (option.empty()) continue;
      const Reason reason = read_option(option, table, facts, refused, out, named, lapses);
      if (reason != Reason::none) return reason;
    }
  }
  return Reason::none;
}

namespace {

ContentLength read_length(std::string_view text, std::uint64_t& out) {
  constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (text.empty()) return ContentLength::invalid;
  std::uint64_t value = 0;
  for (char c : text) {
    if (!http::is_digit(c)) return ContentLength::invalid;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (value > (most - digit) / 10) return ContentLength::invalid;
    value = value * 10 + digit;
  }
  out = value;
  return ContentLength::valid;
}

}  // namespace

ContentLength read_content_length(const http::FieldTable& table, const FieldFacts& facts,
                                  std::uint64_t& out) {
  if (!facts.has(FieldId::content_length)) return ContentLength::absent;
  if (facts.several(FieldId::content_length)) return ContentLength::invalid;
  return read_length(
      table.fields[facts.last[static_cast<std::size_t>(FieldId::content_length)]].value(), out);
}

ContentLength read_equal_lengths(const http::FieldTable& table, const FieldFacts& facts,
                                 std::uint64_t& out) {
  ContentLength found = ContentLength::absent;
  for (std::size_t i = 0; i < facts.count; ++i) {
    if (table.fields[i].id != FieldId::content_length) continue;
    std::string_view list = table.fields[i].value();
    if (list.empty() || list.back() == ',') return ContentLength::invalid;
    while (!list.empty()) {
      std::uint64_t value = 0;
      if (read_length(http::next_element(list), value) != ContentLength::valid) {
        return ContentLength::invalid;
      }
      if (found == ContentLength::valid && value != out) return ContentLength::different;
      out = value;
      found = ContentLength::valid;
    }
  }
  return found;
}

TransferEncoding read_transfer_encoding(const http::FieldTable& table, const FieldFacts& facts) {
  if (!facts.has(FieldId::transfer_encoding)) return TransferEncoding::absent;
  if (facts.several(FieldId::transfer_encoding)) return TransferEncoding::invalid;
  std::string_view list =
      table.fields[facts.last[static_cast<std::size_t>(FieldId::transfer_encoding)]].value();
  if (http::names::is<"chunked">(list)) return TransferEncoding::chunked;
  // What is left is refused in any case; which status tells a client most is the only question.
  bool last_is_chunked = false, chunked_before = false;
  unsigned codings = 0;
  for (; !list.empty(); ++codings) {
    chunked_before = chunked_before || last_is_chunked;
    const std::string_view coding = http::next_element(list);
    if (!http::is_token(coding)) return TransferEncoding::invalid;
    last_is_chunked = http::iequals(coding, "chunked");
  }
  return last_is_chunked && !chunked_before && codings > 1 ? TransferEncoding::unknown_coding
                                                           : TransferEncoding::invalid;
}

}  // namespace switchback::http1
