#include "admin/state/intent_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "admin/state/state_store.hpp"

namespace switchback::state {
namespace {

constexpr std::size_t head_size = 12;

std::uint32_t crc_of(std::string_view text) {
  return crc32c({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

}  // namespace

IntentFile::IntentFile(std::string path)
    : path_(std::move(path)),
      fd_(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640)) {
  if (fd_.get() < 0) throw StateError(path_ + ": " + std::strerror(errno));
  read();
}

void IntentFile::read() {
  std::string bytes(head_size + most_bytes, '\0');
  const auto got = ::pread(fd_.get(), bytes.data(), bytes.size(), 0);
  if (got < static_cast<ssize_t>(head_size)) return;
  std::uint32_t length = 0, crc = 0;
  std::memcpy(&length, bytes.data() + 4, sizeof length);
  std::memcpy(&crc, bytes.data() + 8, sizeof crc);
  if (bytes[0] != '?' && bytes[0] != '!') return;
  if (length > static_cast<std::size_t>(got) - head_size) return;
  const std::string text = bytes.substr(head_size, length);
  if (crc_of(text) == crc) found_ = bytes[0] + text;
}

std::string IntentFile::write(const std::string& text) {
  if (text.size() > most_bytes) {
    end(false);  // what stands there would be of another switch
    return path_ + ": too long";
  }
  const auto length = static_cast<std::uint32_t>(text.size());
  const std::uint32_t crc = crc_of(text);
  std::string bytes(head_size, '\0');
  bytes[0] = '?';
  std::memcpy(bytes.data() + 4, &length, sizeof length);
  std::memcpy(bytes.data() + 8, &crc, sizeof crc);
  bytes += text;
  const auto wrote = ::pwrite(fd_.get(), bytes.data(), bytes.size(), 0);
  if (wrote == static_cast<ssize_t>(bytes.size())) return {};
  if (wrote >= 0) errno = ENOSPC;
  return path_ + ": " + std::strerror(errno);
}

void IntentFile::end(bool answered) {
  const char mark = answered ? '!' : '\0';
  [[maybe_unused]] const auto wrote = ::pwrite(fd_.get(), &mark, 1, 0);
}

}  // namespace switchback::state
