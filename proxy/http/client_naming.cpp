#include "proxy/http/client_naming.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

#include "proxy/http/chars.hpp"
#include "proxy/http/forwarded.hpp"

namespace switchback::http {
namespace {

constexpr std::size_t longest_node = 64;  // "[" INET6_ADDRSTRLEN "]:65535" is shorter

bool is_alnum(char c) {
  return is_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'z');
}

// node-port of RFC 7239 §6; a number that no port has is nonsense.
bool read_port(std::string_view text, std::uint16_t& port) {
  port = 0;
  if (text.size() > 1 && text.front() == '_') {
    return std::all_of(text.begin() + 1, text.end(),
                       [](char c) { return is_alnum(c) || c == '.' || c == '_' || c == '-'; });
  }
  if (text.empty() || text.size() > 5 || !std::all_of(text.begin(), text.end(), is_digit)) {
    return false;
  }
  const char* const stop = text.data() + text.size();
  const auto [end, fault] = std::from_chars(text.data(), stop, port);
  return fault == std::errc() && end == stop;
}

bool read_ip(std::string_view host, bool v6, std::array<std::uint8_t, 16>& ip) {
  char text[INET6_ADDRSTRLEN];
  if (host.empty() || host.size() >= sizeof text) return false;
  if (std::memchr(host.data(), '\0', host.size()) != nullptr) return false;
  std::memcpy(text, host.data(), host.size());
  text[host.size()] = '\0';
  std::array<std::uint8_t, 16> bytes{};
  if (!v6) bytes[10] = bytes[11] = 0xff;
  const std::size_t at = v6 ? 0 : 12;
  if (::inet_pton(v6 ? AF_INET6 : AF_INET, text, bytes.data() + at) != 1) return false;
  static constexpr std::array<std::uint8_t, 16> mapped_nobody{0, 0, 0, 0, 0,   0,
                                                              0, 0, 0, 0, 255, 255};
  if (bytes == std::array<std::uint8_t, 16>{} || bytes == mapped_nobody) return false;
  ip = bytes;
  return true;
}

// Whether the quote at `at` is one of the text (RFC 9110 §5.6.4).
bool is_escaped(std::string_view text, std::size_t at) {
  std::size_t backslashes = 0;
  while (backslashes < at && text[at - backslashes - 1] == '\\') ++backslashes;
  return backslashes % 2 == 1;
}

// Takes the last element off a list whose commas may stand within quotes, looking from its end. Of
// a quote that was never opened all is taken: nothing can be told from it.
std::string_view take_last(std::string_view& list) {
  std::size_t at = list.size();
  while (at > 0 && list[at - 1] != ',') {
    if (list[--at] != '"') continue;
    do {
      if (at == 0) return std::exchange(list, std::string_view());
      --at;
    } while (list[at] != '"' || is_escaped(list, at));
  }
  const std::string_view element = list.substr(at);
  list = list.substr(0, at == 0 ? 0 : at - 1);
  return element;
}

// One `name=value` of a Forwarded element and what is left behind its ';'; the value as it was
// written, quotes included. False: it is none.
bool take_pair(std::string_view& rest, std::string_view& name, std::string_view& value) {
  const std::size_t equals = rest.find('=');
  if (equals == std::string_view::npos) return false;
  name = trim_ows(rest.substr(0, equals));
  if (!is_token(name)) return false;
  std::string_view from = trim_ows(rest.substr(equals + 1));
  std::size_t end = 0;
  if (from.starts_with('"')) {
    end = 1;
    while (end < from.size() && (from[end] != '"' || is_escaped(from, end))) ++end;
    if (end == from.size()) return false;
    ++end;
  } else {
    end = std::min(from.find(';'), from.size());
  }
  value = trim_ows(from.substr(0, end));
  rest = trim_ows(from.substr(end));
  if (value.empty() || (!rest.empty() && rest.front() != ';')) return false;
  if (!rest.empty()) rest.remove_prefix(1);
  return true;
}

// The node of `for=`, without quotes, in `room`. Empty: there is none, or the element is nonsense.
std::string_view node_of(std::string_view element, char (&room)[longest_node]) {
  std::string_view name, value, node;
  for (std::string_view rest = trim_ows(element); !rest.empty();) {
    if (rest.front() == ';') {  // [ forwarded-pair ]
      rest = trim_ows(rest.substr(1));
      continue;
    }
    if (!take_pair(rest, name, value)) return {};
    rest = trim_ows(rest);
    if (!iequals(name, "for")) continue;
    if (!node.empty()) return {};  // RFC 7239 §4: each parameter once
    node = value;
  }
  if (!node.starts_with('"')) return node;
  node = node.substr(1, node.size() - 2);
  std::size_t size = 0;
  for (std::size_t i = 0; i < node.size(); ++i) {
    if (node[i] == '\\' && i + 1 < node.size()) ++i;
    if (size == sizeof room) return {};
    room[size++] = node[i];
  }
  return {room, size};
}

bool is_spelling_of(std::string_view name, std::string_view lower) {
  return std::equal(name.begin(), name.end(), lower.begin(), lower.end(), [](char a, char b) {
    return (a == '_' ? '-' : to_lower(a)) == (b == '_' ? '-' : b);
  });
}

}  // namespace

bool read_client_address(std::string_view text, ClientAddress& out) {
  text = trim_ows(text);
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
    text = text.substr(1, text.size() - 2);
  }
  ClientAddress read;
  std::string_view host = text, port;
  bool v6 = true;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return false;
    host = text.substr(1, close - 1);
    port = text.substr(close + 1);
  } else if (std::count(text.begin(), text.end(), ':') < 2) {
    v6 = false;
    const std::size_t colon = std::min(text.find(':'), text.size());
    host = text.substr(0, colon);
    port = text.substr(colon);
  }
  if (!port.empty() && (port.front() != ':' || !read_port(port.substr(1), read.port))) return false;
  if (!read_ip(host, v6, read.ip)) return false;
  out = read;
  return true;
}

ClientNaming client_naming_of(std::string_view client_header) {
  ClientNaming naming;
  naming.name.assign(client_header);
  for (char& c : naming.name) c = to_lower(c);
  naming.id = field_id(naming.name.data(), naming.name.size());
  naming.form = naming.id == FieldId::x_forwarded_for ? ClientNaming::Form::x_forwarded_for
                : naming.id == FieldId::forwarded     ? ClientNaming::Form::forwarded
                                                      : ClientNaming::Form::single;
  return naming;
}

bool ClientWalk::line(std::string_view value) {
  ++lines_;
  switch (naming_.form) {
    case ClientNaming::Form::x_forwarded_for:
      return list(value);
    case ClientNaming::Form::forwarded:
      return forwarded_list(value);
    case ClientNaming::Form::single:
      break;
  }
  return single(value);
}

// One address was said, or nonsense. False: the walk has ended.
bool ClientWalk::step(std::string_view node) {
  if (!read_client_address(node, client_)) return false;
  named_ = true;
  return trusted(trust_, *reinterpret_cast<const std::uint8_t(*)[16]>(client_.ip.data()));
}

// Empty elements say nothing and are no end (RFC 9110 §5.6.1.2).
bool ClientWalk::list(std::string_view value) {
  while (!value.empty()) {
    const std::size_t comma = value.rfind(',');
    const std::size_t begin = comma == std::string_view::npos ? 0 : comma + 1;
    const std::string_view element = trim_ows(value.substr(begin));
    value = value.substr(0, begin == 0 ? 0 : comma);
    if (!element.empty() && !step(element)) return false;
  }
  return true;
}

bool ClientWalk::forwarded_list(std::string_view value) {
  char room[longest_node];
  while (!value.empty()) {
    const std::string_view element = take_last(value);
    if (!trim_ows(element).empty() && !step(node_of(element, room))) return false;
  }
  return true;
}

bool ClientWalk::single(std::string_view value) {
  if (lines_ == 1 && read_client_address(value, client_)) {
    named_ = true;
    return true;  // there must be no other
  }
  client_ = peer_;
  named_ = false;
  return false;
}

bool find_client(const RequestHead& head, const ClientNaming& naming,
                 const std::vector<config::Network>& trust, const std::uint8_t (&peer)[16],
                 ClientAddress& out) {
  ClientAddress at_the_other_end;
  std::memcpy(at_the_other_end.ip.data(), peer, sizeof peer);
  ClientWalk walk(naming, trust, at_the_other_end);
  for (auto field = head.fields.rbegin(); field != head.fields.rend(); ++field) {
    if (field->id != naming.id) continue;
    if (naming.id == FieldId::other && !iequals(field->name(), naming.name)) continue;
    if (!walk.line(field->value())) break;
  }
  if (walk.named()) out = walk.client();
  return walk.named();
}

void drop_client_field(const RequestHead& head, const ClientNaming& naming) {
  if (naming.form != ClientNaming::Form::single) return;
  for (Field& field : head.fields) {
    if (is_spelling_of(field.name(), naming.name)) field.drop = true;
  }
}

}  // namespace switchback::http
