// What goes out: records, batches, and what the kernel did not take.
#include <algorithm>
#include <cstring>

#include "proxy/base/assert.hpp"
#include "proxy/tls/layer.hpp"
#include "proxy/tls/layer_call.hpp"

namespace switchback::tls {

using net::IoStatus;
using net::Transfer;

namespace {

constexpr std::size_t full_record = SSL3_RT_MAX_PLAIN_LENGTH;
// While a connection's congestion window is small, a record that needs a second round trip cannot
// be opened before that: these fit in three packets.
constexpr std::size_t first_record = 4 * 1024;
constexpr std::uint32_t first_bytes = 32 * 1024;
constexpr std::int64_t burst_gap_ns = 1'000'000'000;  // after that the window is small again
// Heads and tags of the records that a piece of up to 16 KiB becomes, also where the peer asked for
// records of 512 bytes (RFC 6066 §4).
constexpr std::size_t record_overhead = 2 * 1024;
// After a write that the kernel took in part: the less is encrypted ahead, the less is held.
constexpr std::uint32_t careful_batch = 32 * 1024;

}  // namespace

// The plain bytes still to be encrypted, over piece limits.
class Layer::Pieces {
 public:
  explicit Pieces(std::span<const iovec> pieces) : pieces_(pieces) {
    for (const iovec& piece : pieces) left_ += piece.iov_len;
  }
  std::size_t left() const { return left_; }
  void skip(std::size_t bytes) {
    left_ -= bytes;
    while (bytes > 0) {
      const std::size_t here = std::min(bytes, pieces_.front().iov_len - offset_);
      offset_ += here;
      bytes -= here;
      if (offset_ == pieces_.front().iov_len) next();
    }
  }
  // `bytes` in a row: where they lie, or joined in `scratch`.
  const char* take(std::size_t bytes, char* scratch) {
    while (offset_ == pieces_.front().iov_len) next();
    const char* here = static_cast<const char*>(pieces_.front().iov_base) + offset_;
    if (pieces_.front().iov_len - offset_ >= bytes) {
      skip(bytes);
      return here;
    }
    for (std::size_t done = 0; done < bytes;) {
      const std::size_t part = std::min(bytes - done, pieces_.front().iov_len - offset_);
      std::memcpy(scratch + done, static_cast<const char*>(pieces_.front().iov_base) + offset_,
                  part);
      done += part;
      skip(part);
      while (done < bytes && offset_ == pieces_.front().iov_len) next();
    }
    return scratch;
  }

 private:
  void next() {
    pieces_ = pieces_.subspan(1);
    offset_ = 0;
  }
  std::span<const iovec> pieces_;
  std::size_t offset_ = 0;
  std::size_t left_ = 0;
};

std::size_t Layer::record_bytes() const {
  return sent_ < first_bytes ? first_record : full_record;
}

// Fills the staging area with whole records. The plain bytes in it; 0: failed.
std::size_t Layer::encrypt(Pieces& pieces, std::size_t limit) {
  std::size_t plain = 0;
  while (pieces.left() > 0) {
    const std::size_t bytes = std::min(pieces.left(), record_bytes());
    if (plain > 0 && workspace_.staged_ + bytes + record_overhead > limit) break;
    const char* from = pieces.take(bytes, workspace_.joined_.get());
    std::size_t written = 0;
    if (SSL_write_ex(ssl_, from, bytes, &written) != 1 || written != bytes) {
      broken_ = true;
      if (error_number_ == 0) error_number_ = EPROTO;
      return 0;
    }
    plain += bytes;
    if (sent_ < first_bytes) sent_ += static_cast<std::uint32_t>(bytes);
  }
  return plain;
}

bool Layer::hold(const char* from, std::size_t bytes) {
  if (!held_) {
    held_ = workspace_.pool_.take(bytes <= net::small_buffer_bytes ? net::BufferSize::small
                                                                   : net::BufferSize::large);
    held_begin_ = held_end_ = 0;
  }
  if (bytes > held_.capacity() - held_end_) return false;
  std::memcpy(held_.data() + held_end_, from, bytes);
  held_end_ += static_cast<std::uint32_t>(bytes);
  return true;
}

// Sends the staging area, behind which `plain` bytes stand. `moved` grows by those that count as
// moved. False: the connection is gone.
bool Layer::send_staged(net::Stream& stream, std::size_t plain, std::size_t& moved) {
  const std::size_t staged = std::exchange(workspace_.staged_, 0);
  if (staged == 0) return true;
  std::size_t taken = 0;
  if (held_bytes() == 0) {
    const iovec piece{workspace_.staging_.get(), staged};
    const Transfer done = stream.raw_write({&piece, 1});
    if (done.status == IoStatus::error) {
      write_error_ = done.error_number;
      return false;
    }
    taken = done.bytes;
  }
  if (taken == staged) {
    moved += plain;
    batch_ = std::min<std::uint32_t>(batch_ * 2, Workspace::staging_bytes);
    return true;
  }
  batch_ = careful_batch;
  if (!hold(workspace_.staging_.get() + taken, staged - taken)) {
    // An alert behind a full buffer: the connection is over anyway.
    broken_ = true;
    return false;
  }
  const std::size_t share = plain * taken / staged;  // in step with the ciphertext, rounded down
  moved += share;
  owed_ += static_cast<std::uint32_t>(plain - share);
  return true;
}

bool Layer::flush_held(net::Stream& stream, std::size_t& moved) {
  const std::size_t bytes = held_bytes();
  if (bytes == 0) return true;
  const iovec piece{held_.data() + held_begin_, bytes};
  const Transfer done = stream.raw_write({&piece, 1});
  if (done.status == IoStatus::error) {
    write_error_ = done.error_number;
    return false;
  }
  held_begin_ += static_cast<std::uint32_t>(done.bytes);
  const auto share = static_cast<std::uint32_t>(std::uint64_t{owed_} * done.bytes / bytes);
  moved += share;
  owed_ -= share;
  if (held_bytes() == 0) held_.reset();
  return true;
}

Transfer Layer::write(net::Stream& stream, std::span<const iovec> given) {
  if (broken_) return {IoStatus::error, 0, error_number_};
  if (closed_ || write_error_ != 0) return {IoStatus::error, 0, closed_ ? EPIPE : write_error_};
  Pieces pieces(given);
  if (pieces.left() == 0) return {IoStatus::ok};
  if (!stream.writable()) return {IoStatus::would_block};
  if (owed_ > pieces.left()) return {IoStatus::error, 0, EPROTO};  // other bytes than before
  std::size_t moved = 0;
  if (!flush_held(stream, moved)) return {IoStatus::error, 0, write_error_};
  pieces.skip(moved);
  if (held_bytes() == 0 && stream.now_ns() - sent_at_ns_ > burst_gap_ns) sent_ = 0;
  while (held_bytes() == 0 && pieces.left() > 0 && stream.writable()) {
    Call call(workspace_, *this, stream);
    const std::size_t plain = encrypt(pieces, batch_);
    if (plain == 0 || !send_staged(stream, plain, moved)) {
      // What went before is with the kernel, and whoever asks whether a request may be sent again
      // has to know. The next call says the error.
      if (moved > 0) return {IoStatus::ok, moved};
      return {IoStatus::error, 0, broken_ ? error_number_ : write_error_};
    }
    sent_at_ns_ = stream.now_ns();
  }
  return {moved > 0 ? IoStatus::ok : IoStatus::would_block, moved};
}

void Layer::end_write(net::Stream& stream) {
  if (broken_ || closed_ || write_error_ != 0 || !established_) return;
  std::size_t none = 0;
  // Behind bytes that are not with the kernel it would have to wait, and without them it would
  // call a cut answer whole.
  if (held_bytes() > 0 && (!flush_held(stream, none) || held_bytes() > 0)) return;
  Call call(workspace_, *this, stream);
  closed_ = true;
  if (SSL_shutdown(ssl_) >= 0) send_staged(stream, 0, none);
}

}  // namespace switchback::tls
