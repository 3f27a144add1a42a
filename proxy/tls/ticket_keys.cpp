#include "proxy/tls/ticket_keys.hpp"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>

namespace switchback::tls {

TicketKeys::~TicketKeys() {
  OPENSSL_cleanse(keys_.data(), sizeof keys_);
}

void TicketKeys::set_rotation(Nanos rotation_ns) {
  const std::lock_guard lock(mutex_);
  rotation_ns_ = rotation_ns;
}

void TicketKeys::rotate(Nanos now_ns) {
  const std::lock_guard lock(mutex_);
  rotate_locked(now_ns);
}

void TicketKeys::rotate_locked(Nanos now_ns) {
  // A key seals for one rotation and opens for two more, whether or not anybody came meanwhile.
  constexpr auto life = static_cast<Nanos>(kept);
  while (count_ > 0 && now_ns - keys_[count_ - 1].made_ns >= life * rotation_ns_) {
    OPENSSL_cleanse(&keys_[--count_], sizeof(Key));
  }
  if (count_ > 0 && now_ns - keys_[0].made_ns < rotation_ns_) return;
  Key fresh;
  const bool random = RAND_bytes(fresh.name.data(), fresh.name.size()) == 1 &&
                      RAND_priv_bytes(fresh.cipher.data(), fresh.cipher.size()) == 1 &&
                      RAND_priv_bytes(fresh.mac.data(), fresh.mac.size()) == 1;
  if (!random) return;  // the old one goes on
  fresh.made_ns = now_ns;
  std::move_backward(keys_.begin(), keys_.end() - 1, keys_.end());
  keys_[0] = fresh;
  count_ = std::min(count_ + 1, kept);
  OPENSSL_cleanse(&fresh, sizeof fresh);
}

bool TicketKeys::newest(Nanos now_ns, Key& out) {
  const std::lock_guard lock(mutex_);
  rotate_locked(now_ns);
  if (count_ == 0) return false;
  out = keys_[0];
  return true;
}

TicketKeys::Found TicketKeys::find(Nanos now_ns, const unsigned char* name, Key& out) {
  const std::lock_guard lock(mutex_);
  rotate_locked(now_ns);
  for (std::size_t i = 0; i < count_; ++i) {
    if (!std::equal(keys_[i].name.begin(), keys_[i].name.end(), name)) continue;
    out = keys_[i];
    return i == 0 ? Found::newest : Found::older;
  }
  return Found::no;
}

}  // namespace switchback::tls
