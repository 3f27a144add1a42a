#include "proxy/dns/message.hpp"

#include <ares.h>

#include <algorithm>
#include <cstring>
#include <vector>

namespace switchback::dns {

namespace {

constexpr std::size_t header_bytes = 12;
constexpr std::size_t most_alias_records = 64;
constexpr unsigned type_a = 1, type_cname = 5, type_aaaa = 28, class_in = 1;

// A name as it is compared: lower case (RFC 4343), not rooted.
std::string plain(std::string name) {
  if (!name.empty() && name.back() == '.') name.pop_back();
  for (char& c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return name;
}

struct Record {
  std::string owner;
  unsigned type = 0, of_class = 0;
  std::uint32_t ttl = 0;
  const unsigned char* data = nullptr;
  std::size_t size = 0;
};

class Reader {
 public:
  Reader(const unsigned char* message, std::size_t size)
      : message_(message), end_(message + size), at_(message) {}

  bool skip(std::size_t n) {
    if (left() < n) return false;
    at_ += n;
    return true;
  }
  bool number(unsigned bytes, std::uint32_t& value) {
    if (left() < bytes) return false;
    value = 0;
    for (unsigned i = 0; i < bytes; ++i) value = value << 8 | *at_++;
    return true;
  }
  bool name(std::string& out) {
    const auto length = name_at(at_, out);
    return length && skip(*length);
  }
  // c-ares follows compressed names within the message, and not for ever.
  std::optional<std::size_t> name_at(const unsigned char* at, std::string& out) const {
    if (at >= end_) return std::nullopt;
    char* text = nullptr;
    long length = 0;
    if (ares_expand_name(at, message_, static_cast<int>(end_ - message_), &text, &length) !=
        ARES_SUCCESS) {
      return std::nullopt;
    }
    out = plain(text);
    ares_free_string(text);
    return static_cast<std::size_t>(length);
  }
  bool record(Record& record) {
    std::uint32_t type = 0, of_class = 0, size = 0;
    if (!name(record.owner) || !number(2, type) || !number(2, of_class) || !number(4, record.ttl) ||
        !number(2, size) || left() < size) {
      return false;
    }
    record.type = type;
    record.of_class = of_class;
    record.data = at_;
    record.size = size;
    // RFC 2181 §8: a TTL with its highest bit set is 0.
    if (record.ttl > 0x7fffffff) record.ttl = 0;
    return skip(size);
  }

 private:
  std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }
  const unsigned char* message_;
  const unsigned char* end_;
  const unsigned char* at_;
};

struct Alias {
  std::string owner, target;
  std::uint32_t ttl = 0;
};

struct Address {
  std::string owner;
  Ip ip;
  std::uint32_t ttl = 0;
};

struct Records {
  std::vector<Alias> aliases;
  std::vector<Address> addresses;
};

bool take(const Reader& reader, const Record& record, bool v6, Records& out) {
  if (record.of_class != class_in) return true;
  if (record.type == type_cname && out.aliases.size() < most_alias_records) {
    Alias alias{record.owner, {}, record.ttl};
    if (!reader.name_at(record.data, alias.target)) return false;
    out.aliases.push_back(std::move(alias));
  }
  if (record.type != (v6 ? type_aaaa : type_a) || out.addresses.size() >= max_read) return true;
  const std::size_t bytes = v6 ? 16 : 4;
  if (record.size != bytes) return false;
  Address address{record.owner, {}, record.ttl};
  std::memcpy(address.ip.bytes.data(), record.data, bytes);
  address.ip.v6 = v6;
  out.addresses.push_back(std::move(address));
  return true;
}

}  // namespace

std::optional<FamilyAnswer> read_message(const unsigned char* message, std::size_t size,
                                         std::string name, bool v6) {
  Reader reader(message, size);
  std::uint32_t questions = 0, answers = 0;
  if (size < header_bytes || !reader.skip(4) || !reader.number(2, questions) ||
      !reader.number(2, answers) || !reader.skip(4)) {
    return std::nullopt;
  }
  std::string ignored;
  for (; questions > 0; --questions) {
    if (!reader.name(ignored) || !reader.skip(4)) return std::nullopt;
  }
  Records records;
  for (; answers > 0; --answers) {
    Record record;
    if (!reader.record(record) || !take(reader, record, v6, records)) return std::nullopt;
  }
  FamilyAnswer answer;
  answer.ttl_s = 0x7fffffff;
  std::string at = plain(std::move(name));
  for (std::size_t followed = 0; followed < max_aliases; ++followed) {
    const auto alias = std::find_if(records.aliases.begin(), records.aliases.end(),
                                    [&](const Alias& a) { return a.owner == at; });
    if (alias == records.aliases.end()) break;
    answer.ttl_s = std::min(answer.ttl_s, alias->ttl);
    at = alias->target;
  }
  for (const Address& address : records.addresses) {
    if (address.owner != at) continue;
    answer.addresses.push_back(address.ip);
    answer.ttl_s = std::min(answer.ttl_s, address.ttl);
  }
  answer.outcome = answer.addresses.empty() ? Outcome::no_address : Outcome::found;
  return answer;
}

}  // namespace switchback::dns
