// WebSocket frames: however cut, a tracker sees the ends that a reader of the whole sees; and a
// tunnel that is asked to close anywhere lets whole frames and its Close through, nothing else.
// Byte 0: bit 0 the client sends, bit 1 extensions, the rest is the length of the pieces.
// Byte 1: where the tunnel is asked to close.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "proxy/tunnel/tunnel.hpp"

using namespace switchback::tunnel;

namespace {

void promise(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

enum class Ends { boundary, inside, closed, lost };

struct Reading {
  std::vector<std::size_t> ends;
  Ends then = Ends::boundary;
};

// RFC 6455 §5.2 read off the whole, in other words than the tracker's.
Reading read_whole(const std::string& bytes, bool client, bool extensions) {
  Reading out;
  std::size_t at = 0;
  bool open = false;
  const auto byte = [&](std::size_t i) {
    return static_cast<unsigned>(static_cast<std::uint8_t>(bytes[i]));
  };
  const auto stop = [&](Ends how) {
    out.then = how;
    return out;
  };
  while (at < bytes.size()) {
    const std::size_t have = bytes.size() - at;
    const unsigned op = byte(at) % 16, rsv = byte(at) / 16 % 8;
    const bool fin = byte(at) >= 128, control = op >= 8;
    if (!extensions && (rsv != 0 || (op > 2 && op < 8) || op > 10)) return stop(Ends::lost);
    if (control ? !fin : open != (op == 0)) return stop(Ends::lost);
    if (have < 2) return stop(Ends::inside);
    if ((byte(at + 1) >= 128) != client) return stop(Ends::lost);
    std::uint64_t size = byte(at + 1) % 128;
    if (control && (size > 125 || (op == 8 && size == 1))) return stop(Ends::lost);
    std::size_t head = 2;
    if (size > 125) {
      const std::size_t wide = size == 126 ? 2 : 8;
      if (wide == 8 && have > 2 && byte(at + 2) >= 128) return stop(Ends::lost);
      if (have < 2 + wide) return stop(Ends::inside);
      size = 0;
      for (std::size_t i = 0; i < wide; ++i) size = size * 256 + byte(at + 2 + i);
      if (size < (wide == 2 ? 126u : 65536u)) return stop(Ends::lost);
      head += wide;
    }
    if (client) head += 4;
    if (have < head || have - head < size) return stop(Ends::inside);
    at += head + static_cast<std::size_t>(size);
    out.ends.push_back(at);
    if (op == 8) return stop(Ends::closed);
    if (!control) open = !fin;
  }
  return out;
}

void check_tracker(const std::string& bytes, const Reading& want, bool client, bool extensions,
                   std::size_t piece) {
  FrameTracker tracker;
  tracker.start(client ? Sender::client : Sender::server, extensions);
  std::vector<std::size_t> ends;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t stop = std::min(bytes.size(), (at / piece + 1) * piece);
    const auto frames = tracker.frames();
    at += tracker.follow_frame(bytes.data() + at, stop - at);
    if (tracker.frames() != frames) ends.push_back(at);
  }
  promise(ends == want.ends, "the same ends");
  promise(tracker.lost() == (want.then == Ends::lost), "lost when the whole is");
  promise(tracker.closed() == (want.then == Ends::closed), "closed when the whole is");
  promise(tracker.at_boundary() == (want.then == Ends::boundary), "the same place");
}

void check_close(const std::string& bytes, bool client, bool extensions, std::size_t piece,
                 std::size_t ask_at) {
  Tunnel tunnel;
  tunnel.begin(true, extensions);
  const Way way = client ? Way::to_server : Way::to_client;
  std::string got;
  const auto take = [&](const Step& step, const char* data) {
    got.append(data, step.pass);
    if (!step.close) return;
    char frame[max_close_frame_bytes];
    got.append(frame, write_close_frame(frame, tunnel.code(),
                                        client ? Sender::client : Sender::server, 0xa5c31e07));
  };
  bool asked = false;
  const auto ask = [&](std::size_t at) {
    if (asked || at < ask_at) return;
    asked = true;
    tunnel.ask_close(CloseCode::service_restart);
    take(tunnel.due(way), "");
  };
  for (std::size_t at = 0; at < bytes.size();) {
    ask(at);
    const std::size_t size = std::min(piece, bytes.size() - at);
    take(tunnel.on_bytes(way, bytes.data() + at, size), bytes.data() + at);
    at += size;
  }
  ask(bytes.size() + ask_at);
  if (!tunnel.close_sent(way)) {  // passed on, whole or up to where it broke the rules
    promise(bytes.compare(0, got.size(), got) == 0, "what is passed on is what came");
    return;
  }
  const Reading reading = read_whole(got, client, extensions);
  promise(reading.then == Ends::closed && reading.ends.back() == got.size(),
          "whole frames, a Close, and nothing behind");
  promise(reading.ends.size() == 1 || bytes.compare(0, reading.ends[reading.ends.size() - 2], got,
                                                    0, reading.ends[reading.ends.size() - 2]) == 0,
          "the frames before the Close are those that came");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const bool client = (data[0] & 1) != 0, extensions = (data[0] & 2) != 0;
  const std::size_t piece = 1 + (data[0] >> 2);
  const std::string bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const Reading whole = read_whole(bytes, client, extensions);
  check_tracker(bytes, whole, client, extensions, piece);
  check_tracker(bytes, whole, client, extensions, bytes.size() + 1);
  check_close(bytes, client, extensions, piece, data[1]);
  return 0;
}
