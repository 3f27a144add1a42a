#include "proxy/route/matcher.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <string>

namespace switchback::route {
namespace {

// A longer name cannot be a DNS name; the limit bounds what one lookup costs.
constexpr std::size_t max_host_bytes = 255;
constexpr std::size_t max_labels = max_host_bytes / 2 + 1;
constexpr std::uint32_t none = UINT32_MAX;

constexpr char fold(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

// FNV-1a from the last byte to the first: the hashes of all suffixes come out of one walk, which is
// what wildcards need. Only configured names are ever inserted, so strangers cannot make clusters.
constexpr std::uint64_t hash_seed = 0xcbf29ce484222325ULL;
constexpr std::uint64_t hash_step(std::uint64_t hash, char c) {
  return (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
}
std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = hash_seed;
  for (std::size_t i = text.size(); i > 0; --i) hash = hash_step(hash, text[i - 1]);
  return hash;
}

// Host without port, brackets and one trailing dot.
std::string_view host_of(std::string_view authority) {
  if (!authority.empty() && authority.front() == '[') {
    const auto close = authority.find(']');
    return close == std::string_view::npos ? std::string_view{} : authority.substr(1, close - 1);
  }
  auto host = authority.substr(0, authority.find(':'));
  if (!host.empty() && host.back() == '.') host.remove_suffix(1);
  return host;
}

// The configured spelling of a host as lookups see it. A bare IPv6 literal has no port to cut off.
std::string normal_host(std::string_view written) {
  const bool bare_v6 = written.find(':') != written.rfind(':') && written.front() != '[';
  std::string host{bare_v6 ? written : host_of(written)};
  for (char& c : host) c = fold(c);
  return host;
}

struct PrefixRule {
  std::string prefix;  // without trailing slashes: "" matches every path
  std::uint32_t service;
};
using RuleList = std::vector<PrefixRule>;

bool prefix_matches(std::string_view prefix, std::string_view path) {
  if (path.size() < prefix.size()) return false;
  if (std::memcmp(path.data(), prefix.data(), prefix.size()) != 0) return false;
  return path.size() == prefix.size() || prefix.empty() || path[prefix.size()] == '/';
}

std::uint32_t first_match(const RuleList& rules, std::string_view path) {
  for (const auto& rule : rules) {
    if (prefix_matches(rule.prefix, path)) return rule.service;
  }
  return none;
}

void add_rule(RuleList& rules, std::string_view prefix, std::uint32_t service) {
  while (!prefix.empty() && prefix.back() == '/') prefix.remove_suffix(1);
  rules.push_back({std::string(prefix), service});
}

// Longest first; of equals, the one that stands first in the configuration.
void sort_rules(RuleList& rules) {
  std::stable_sort(rules.begin(), rules.end(), [](const PrefixRule& a, const PrefixRule& b) {
    return a.prefix.size() > b.prefix.size();
  });
}

// Open addressing, built once, never more than half full, so that every probe ends.
class HostTable {
 public:
  RuleList& rules_of(std::string host) {
    for (auto& entry : entries_) {
      if (entry.host == host) return entry.rules;
    }
    const auto hash = hash_of(host);
    entries_.push_back({std::move(host), hash, {}});
    return entries_.back().rules;
  }

  void finish() {
    const auto size = std::bit_ceil(std::max<std::size_t>(4, entries_.size() * 2 + 1));
    slots_.assign(size, none);
    for (std::uint32_t i = 0; i < entries_.size(); ++i) {
      std::size_t slot = entries_[i].hash & (size - 1);
      while (slots_[slot] != none) slot = (slot + 1) & (size - 1);
      slots_[slot] = i;
      sort_rules(entries_[i].rules);
    }
  }

  bool empty() const { return entries_.empty(); }

  // `host` is folded already.
  const RuleList* find(std::string_view host, std::uint64_t hash) const {
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t slot = hash & mask; slots_[slot] != none; slot = (slot + 1) & mask) {
      const auto& entry = entries_[slots_[slot]];
      if (entry.hash == hash && entry.host == host) return &entry.rules;
    }
    return nullptr;
  }

 private:
  struct Entry {
    std::string host;
    std::uint64_t hash;
    RuleList rules;
  };
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> slots_;
};

}  // namespace

struct Matcher::Impl {
  HostTable exact;
  HostTable wildcard;  // by what stands behind "*."
  RuleList any_host;
  std::uint32_t fallback = none;
  bool only_fallback = false;

  std::uint32_t find_by_host(std::string_view host, std::string_view path) const;
};

Matcher::Matcher(const std::vector<config::Service>& services) : impl_(std::make_unique<Impl>()) {
  for (std::uint32_t i = 0; i < services.size(); ++i) {
    const auto& match = services[i].match;
    if (!match) {
      if (impl_->fallback == none) impl_->fallback = i;
      continue;
    }
    if (match->hosts.empty()) add_rule(impl_->any_host, match->path_prefix, i);
    for (const auto& host : match->hosts) {
      const bool wild = host.starts_with("*.");
      auto& table = wild ? impl_->wildcard : impl_->exact;
      add_rule(table.rules_of(normal_host(std::string_view(host).substr(wild ? 2 : 0))),
               match->path_prefix, i);
    }
  }
  impl_->exact.finish();
  impl_->wildcard.finish();
  sort_rules(impl_->any_host);
  impl_->only_fallback = impl_->exact.empty() && impl_->wildcard.empty() && impl_->any_host.empty();
}

Matcher::~Matcher() = default;
Matcher::Matcher(Matcher&&) noexcept = default;

// One walk from the last byte to the first folds the host and meets its suffixes, the shortest
// first; those that are configured are noted and tried from the longest.
std::uint32_t Matcher::Impl::find_by_host(std::string_view host, std::string_view path) const {
  char folded[max_host_bytes];
  const RuleList* suffixes[max_labels];
  std::size_t suffix_count = 0;
  std::uint64_t hash = hash_seed;
  const bool look_for_wildcards = !wildcard.empty();
  for (std::size_t i = host.size(); i > 0; --i) {
    const char c = fold(host[i - 1]);
    // A wildcard stands for at least one label, so a dot at the very front begins no suffix.
    if (c == '.' && look_for_wildcards && i > 1 && suffix_count < max_labels) {
      const std::string_view suffix(folded + i, host.size() - i);
      if (const auto* rules = wildcard.find(suffix, hash)) suffixes[suffix_count++] = rules;
    }
    folded[i - 1] = c;
    hash = hash_step(hash, c);
  }
  if (const auto* rules = exact.find({folded, host.size()}, hash)) {
    if (const auto service = first_match(*rules, path); service != none) return service;
  }
  while (suffix_count > 0) {
    const auto service = first_match(*suffixes[--suffix_count], path);
    if (service != none) return service;
  }
  return none;
}

std::optional<std::uint32_t> Matcher::find(std::string_view authority,
                                           std::string_view path_and_query) const {
  const Impl& impl = *impl_;
  if (impl.only_fallback) {
    if (impl.fallback == none) return std::nullopt;
    return impl.fallback;
  }
  const auto path = path_and_query.substr(0, path_and_query.find('?'));
  std::uint32_t service = none;
  const auto host = host_of(authority);
  const bool by_host = !impl.exact.empty() || !impl.wildcard.empty();
  if (by_host && !host.empty() && host.size() <= max_host_bytes) {
    service = impl.find_by_host(host, path);
  }
  if (service == none) service = first_match(impl.any_host, path);
  if (service == none) service = impl.fallback;
  if (service == none) return std::nullopt;
  return service;
}

}  // namespace switchback::route
