#include "config/text_rules.hpp"

#include <sys/un.h>

#include <algorithm>

#include "config/address.hpp"
#include "config/suggest.hpp"

namespace switchback::config {

namespace {

using Verdict = std::optional<Fault>;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
bool is_alpha(char c) {
  return is_lower(c) || (c >= 'A' && c <= 'Z');
}

template <typename Allowed>
bool all_of(std::string_view text, Allowed allowed) {
  return std::all_of(text.begin(), text.end(), allowed);
}

bool is_token(std::string_view text) {
  return !text.empty() && all_of(text, [](char c) {
    return is_alpha(c) || is_digit(c) ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

Verdict service_name(std::string_view text) {
  const bool head = !text.empty() && (is_lower(text[0]) || is_digit(text[0]));
  if (head &&
      all_of(text, [](char c) { return is_lower(c) || is_digit(c) || c == '_' || c == '-'; }))
    return {};
  return Fault{in_quotes(text) + " is not a service name",
               "a-z, 0-9, - and _, beginning with a letter or digit"};
}

Verdict host_pattern(std::string_view text) {
  if (text == "*") return Fault{"\"*\" is every host", "leave hosts out for that"};
  std::string_view name = text;
  if (name.starts_with("*.")) name.remove_prefix(2);
  if (name.find('*') != std::string_view::npos) {
    return Fault{in_quotes(text) + " has a wildcard that is not in front",
                 "only \"*.\" at the beginning is one"};
  }
  if (name.find("://") != std::string_view::npos || name.find('/') != std::string_view::npos) {
    return Fault{in_quotes(text) + " is not a host name",
                 "leave out the scheme and the path; match.path_prefix is for paths"};
  }
  const auto colon = name.find(':');
  if (colon != std::string_view::npos && name.find(':', colon + 1) == std::string_view::npos) {
    return Fault{in_quotes(text) + " has a port",
                 "hosts match on every port: write " + std::string(text.substr(0, text.find(':')))};
  }
  // A literal IPv6 host comes in brackets in the Host field, and is matched that way.
  if (name.starts_with('[') && name.ends_with(']')) {
    const auto parsed = parse_address(std::string(name) + ":1", AddressUse::listen);
    if (std::holds_alternative<Address>(parsed)) return {};
  }
  if (name.ends_with('.') && name.size() > 1) {
    return Fault{in_quotes(text) + " ends in a dot",
                 "write " + std::string(text.substr(0, text.size() - 1))};
  }
  if (std::string wrong = host_name_fault(name); !wrong.empty()) return Fault{std::move(wrong), ""};
  return {};
}

bool is_path_text(std::string_view text) {
  return all_of(text, [](char c) {
    return c > 0x20 && c < 0x7f && c != '"' && c != '<' && c != '>' && c != '\\';
  });
}

Verdict path_prefix(std::string_view text) {
  if (text.empty() || text.front() != '/') {
    return Fault{in_quotes(text) + " does not begin with /",
                 text.size() < 80 && is_path_text(text) ? "write /" + std::string(text) : ""};
  }
  if (!is_path_text(text) || text.find_first_of("?#") != std::string_view::npos) {
    return Fault{in_quotes(text) + " is not a path",
                 "printable ASCII without spaces, ? and #; escape others as %XX"};
  }
  if (text.ends_with("*")) {
    return Fault{in_quotes(text) + " has a wildcard",
                 "a prefix needs none: it matches everything below it"};
  }
  if (text.find("//") != std::string_view::npos)
    return Fault{in_quotes(text) + " has an empty segment", ""};
  const std::string closed = std::string(text) + "/";
  if (closed.find("/../") != std::string::npos || closed.find("/./") != std::string::npos) {
    return Fault{in_quotes(text) + " has a . or .. segment",
                 "clients resolve those before they ask"};
  }
  return {};
}

Verdict request_path(std::string_view text) {
  if (text.empty()) return {};
  if (text.front() != '/') return Fault{in_quotes(text) + " does not begin with /", ""};
  if (is_path_text(text) && text.find('#') == std::string_view::npos) return {};
  return Fault{in_quotes(text) + " is not a request path",
               "printable ASCII without spaces and #; escape others as %XX"};
}

Verdict host_header(std::string_view text) {
  if (text.empty()) return {};
  if (text.find(':') == std::string_view::npos) {
    if (std::string wrong = host_name_fault(text); !wrong.empty())
      return Fault{std::move(wrong), ""};
    return {};
  }
  auto parsed = parse_address(text, AddressUse::connect);
  const auto* address = std::get_if<Address>(&parsed);
  if (address && address->kind == AddressKind::tcp) return {};
  return Fault{in_quotes(text) + " is not a host name, with or without a port", ""};
}

Verdict server_name(std::string_view text) {
  if (text.empty()) return {};
  const std::string bracketed = "[" + std::string(text) + "]:1";  // an IPv6 literal has colons
  if (text.find(':') != std::string_view::npos) {
    const auto parsed = parse_address(bracketed, AddressUse::connect);
    if (std::holds_alternative<Address>(parsed)) return {};
    return Fault{in_quotes(text) + " is not the name of a server", "a name or an address, no port"};
  }
  if (std::string wrong = host_name_fault(text); !wrong.empty()) return Fault{std::move(wrong), ""};
  return {};
}

Verdict release_name(std::string_view text) {
  if (text == "blue" || text == "green") {
    return Fault{in_quotes(text) + " is a color, not a release",
                 "name what runs there, such as v1.2"};
  }
  const bool fine = all_of(text, [](char c) {
    return is_alpha(c) || is_digit(c) ||
           std::string_view("._+:@/-").find(c) != std::string_view::npos;
  });
  if (fine) return {};
  return Fault{in_quotes(text) + " is not a release name",
               "letters, digits and . _ + : @ / - are allowed"};
}

Verdict preview_header(std::string_view text) {
  // The fields that the proxy handles itself, and one that every client sends.
  static constexpr std::string_view taken =
      " host connection keep-alive proxy-connection te trailer transfer-encoding upgrade"
      " content-length expect via date server content-type cookie user-agent referer"
      " forwarded x-forwarded-for x-forwarded-proto x-forwarded-host x-forwarded-port"
      " x-real-ip x-request-id traceparent tracestate max-forwards authorization"
      " location retry-after proxy-authorization proxy-authenticate sec-websocket-key"
      " http2-settings accept ";
  if (text.empty()) return {};
  if (!is_token(text))
    return Fault{in_quotes(text) + " is not a header name", "for example X-Switchback-Preview"};
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  if (taken.find(" " + lower + " ") == std::string_view::npos) return {};
  return Fault{in_quotes(text) + " has a meaning of its own", "choose a name of your own"};
}

Verdict method(std::string_view text) {
  if (text == "CONNECT") return Fault{"\"CONNECT\" cannot be sent again", ""};
  const bool upper = is_token(text) && std::none_of(text.begin(), text.end(), is_lower);
  if (upper) return {};
  std::string shout(text.substr(0, 40));
  for (char& c : shout) c = is_lower(c) ? static_cast<char>(c - 32) : c;
  return Fault{in_quotes(text) + " is not a method",
               is_token(text) ? "methods are in capitals: " + shout : ""};
}

Verdict client_field(std::string_view text) {
  if (is_token(text)) return {};
  return Fault{in_quotes(text) + " is not a header name", "for example X-Forwarded-For"};
}

Verdict answer_field(std::string_view text) {
  if (is_token(text)) return {};
  return Fault{in_quotes(text) + " is not a header name", "for example Content-Type"};
}

Verdict account(std::string_view text) {
  const bool fine = !text.empty() && text.front() != '-' && all_of(text, [](char c) {
    return is_alpha(c) || is_digit(c) ||
           std::string_view("._@$+-").find(c) != std::string_view::npos;
  });
  if (fine) return {};
  return Fault{in_quotes(text) + " is not a user or group name", ""};
}

Verdict token_name(std::string_view text) {
  const bool fine = !text.empty() && all_of(text, [](char c) {
    return is_alpha(c) || is_digit(c) || std::string_view("._@-").find(c) != std::string_view::npos;
  });
  if (fine) return {};
  return Fault{in_quotes(text) + " is not a token name", "letters, digits and . _ @ - are allowed"};
}

Verdict sha256(std::string_view text) {
  const bool fine = text.size() == 64 &&
                    all_of(text, [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); });
  if (fine) return {};
  // The value may be the token itself by mistake: it is not repeated.
  return Fault{"this is not a SHA-256: 64 hex digits",
               "`switchback token new` prints the line to put here"};
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

Verdict file_path(std::string_view text) {
  if (text.empty()) return Fault{"a path is missing", ""};
  if (has_control(text)) return Fault{in_quotes(text) + " has a control character in it", ""};
  if (text.front() == '~')
    return Fault{in_quotes(text) + " begins with ~, which only shells know",
                 "write the folder out"};
  if (text.find('$') != std::string_view::npos) {
    return Fault{in_quotes(text) + " has a $ in it, and variables are not filled in here",
                 "write the value out"};
  }
  return {};
}

Verdict socket_path(std::string_view text) {
  if (text.empty()) return {};
  if (text.starts_with("unix:"))
    return Fault{in_quotes(text) + " is a path already",
                 "write " + std::string(text.substr(5, 80))};
  return file_path(text);
}

}  // namespace

bool is_header_name(std::string_view text) {
  return is_token(text);
}

const TextRule service_name_rule{"a-z, 0-9, - and _; at most 63", 63, false, service_name};
const TextRule host_pattern_rule{"host names; \"*.\" in front stands for one or more labels", 255,
                                 true, host_pattern};
const TextRule path_prefix_rule{"begins with /", 1024, false, path_prefix};
const TextRule request_path_rule{"begins with /", 1024, false, request_path};
const TextRule host_header_rule{"host name, with or without port", 260, false, host_header};
const TextRule server_name_rule{"a name or an IP address, without a port", 255, false, server_name};
const TextRule release_rule{"letters, digits and . _ + : @ / -; at most 128", 128, false,
                            release_name};
const TextRule header_name_rule{"a header name; false or \"\" switches it off", 64, false,
                                preview_header};
const TextRule client_field_rule{"a header name", 64, false, client_field};
const TextRule answer_field_rule{"header names, at most 32", 64, false, answer_field};
const TextRule method_rule{"methods in capitals, not CONNECT", 32, false, method};
const TextRule account_rule{"an account of this machine", 255, false, account};
const TextRule token_name_rule{"letters, digits and . _ @ -; at most 63", 63, false, token_name};
const TextRule sha256_rule{"64 hex digits", 4096, true, sha256};
const TextRule socket_path_rule{"a path; false or \"\" for none", sizeof(sockaddr_un::sun_path) - 1,
                                false, socket_path};
const TextRule folder_rule{"a path", 3072, false, file_path};
const TextRule log_path_rule{"stdout, stderr or a path", 3072, false, file_path};

}  // namespace switchback::config
