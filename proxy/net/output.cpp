#include "proxy/net/output.hpp"

#include <array>
#include <cstring>
#include <new>

#include "proxy/base/assert.hpp"

namespace switchback::net {

namespace {
constexpr std::size_t max_pieces = 48;

bool inside(const iovec& piece, const BufferRef& owner) {
  if (!owner) return false;
  const char* base = static_cast<const char*>(piece.iov_base);
  return base >= owner.data() && base < owner.data() + owner.capacity();
}

std::size_t total(std::span<const iovec> pieces) {
  std::size_t sum = 0;
  for (const iovec& piece : pieces) sum += piece.iov_len;
  return sum;
}
}  // namespace

struct Output::Held {
  std::size_t first = 0;
  std::size_t count = 0;
  std::array<iovec, max_pieces> pieces;
};

std::span<iovec> advance(std::span<iovec> pieces, std::size_t bytes) {
  std::size_t i = 0;
  while (i < pieces.size() && bytes >= pieces[i].iov_len) bytes -= pieces[i++].iov_len;
  if (i < pieces.size() && bytes > 0) {
    pieces[i].iov_base = static_cast<char*>(pieces[i].iov_base) + bytes;
    pieces[i].iov_len -= bytes;
  }
  return pieces.subspan(i);
}

Output::Held& Output::held() const {
  return *reinterpret_cast<Held*>(store_.data());
}

void Output::clear() {
  store_.reset();
  owner_.reset();
  pipe_.reset();
}

SendResult Output::send(Stream& stream, BufferPool& pool, std::span<iovec> pieces,
                        const BufferRef& owner) {
  SB_ASSERT(!pending());
  if (pieces.empty()) return SendResult::sent;
  if (stream.writable()) {
    const Transfer done = stream.write(pieces);
    if (done.status == IoStatus::error) return SendResult::failed;
    if (done.status == IoStatus::ok) {
      if (done.bytes == total(pieces)) return SendResult::sent;
      pieces = advance(pieces, done.bytes);
    }
  }
  return keep(pool, pieces, owner) ? SendResult::blocked : SendResult::failed;
}

bool Output::keep(BufferPool& pool, std::span<iovec> rest, const BufferRef& owner) {
  SB_ASSERT(rest.size() <= max_pieces);
  std::size_t copied = 0;
  for (const iovec& piece : rest) {
    if (!inside(piece, owner)) copied += piece.iov_len;
  }
  if (copied + sizeof(Held) > large_buffer_bytes) return false;
  const bool fits_small = copied + sizeof(Held) <= small_buffer_bytes;
  store_ = pool.take(fits_small ? BufferSize::small : BufferSize::large);
  Held& h = *new (store_.data()) Held;
  char* spot = store_.data() + sizeof(Held);
  for (const iovec& piece : rest) {
    iovec kept = piece;
    if (!inside(piece, owner)) {
      std::memcpy(spot, piece.iov_base, piece.iov_len);
      kept.iov_base = spot;
      spot += piece.iov_len;
    } else {
      owner_ = owner;
    }
    h.pieces[h.count++] = kept;
  }
  return true;
}

SendResult Output::send(Stream& stream, PipeRef& pipe) {
  SB_ASSERT(!pending());
  const Transfer done = stream.write_from(*pipe);
  if (done.status == IoStatus::error) return SendResult::failed;
  if (pipe->held == 0) return SendResult::sent;
  pipe_ = std::move(pipe);
  return SendResult::blocked;
}

SendResult Output::flush(Stream& stream) {
  if (!pending()) return SendResult::sent;
  if (pipe_) {
    PipeRef pipe = std::move(pipe_);
    return send(stream, pipe);
  }
  Held& h = held();
  while (h.first < h.count) {
    if (!stream.writable()) return SendResult::blocked;
    std::span<iovec> rest(h.pieces.data() + h.first, h.count - h.first);
    const Transfer done = stream.write(rest);
    if (done.status == IoStatus::error) return SendResult::failed;
    if (done.status != IoStatus::ok) return SendResult::blocked;
    h.first = h.count - advance(rest, done.bytes).size();
  }
  clear();
  return SendResult::sent;
}

}  // namespace switchback::net
