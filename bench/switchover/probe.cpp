#include "bench/switchover/probe.hpp"

#include <poll.h>

#include <array>

#include "bench/switchover/answer.hpp"

namespace switchback::bench {
namespace {

using Step = Link::Step;

class Probing {
 public:
  Probing(const ColorReader& colors, Nanos until)
      : reader_({colors.by_body() ? std::string_view() : std::string_view(colors.header()),
                 colors.by_body() ? std::size_t{65536} : std::size_t{0}}),
        until_(until) {}

  ProbeAnswer ask(const Target& target, const TlsContext& tls, std::string_view text) {
    auto step = link_.open(target, tls);
    while (step == Step::want_read || step == Step::want_write) {
      if (!wait(step)) return {.error = "no connection in time"};
      step = link_.ready();
    }
    if (step != Step::done) return {.error = link_.error()};
    reader_.begin();
    while (!text.empty()) {
      const auto moved = link_.write(text);
      if (moved.step == Step::done) {
        text.remove_prefix(moved.bytes);
      } else if (!wait(moved.step)) {
        return {.error = "the request could not be sent: " + link_.error()};
      }
    }
    return read();
  }

 private:
  ProbeAnswer read() {
    std::array<char, 16384> buffer;
    while (true) {
      const auto moved = link_.read(buffer.data(), buffer.size());
      AnswerReader::State state = AnswerReader::State::needs_more;
      if (moved.step == Step::done) {
        state = reader_.feed({buffer.data(), moved.bytes});
      } else if (moved.step == Step::end) {
        state = reader_.at_end();
      } else if (!wait(moved.step)) {
        return {.error = link_.error().empty() ? "no answer in time" : link_.error()};
      }
      if (state == AnswerReader::State::faulty) return {.error = "the answer is no whole HTTP"};
      if (state == AnswerReader::State::done) {
        return {"", reader_.status(), reader_.header_value(), reader_.body()};
      }
    }
  }

  bool wait(Step step) {
    if (step != Step::want_read && step != Step::want_write) return false;
    const Nanos left = until_ - monotonic_ns();
    if (left <= 0) return false;
    pollfd entry{link_.descriptor(), static_cast<short>(step == Step::want_read ? POLLIN : POLLOUT),
                 0};
    ::poll(&entry, 1, static_cast<int>(left / 1'000'000) + 1);
    return monotonic_ns() < until_;
  }

  Link link_;
  AnswerReader reader_;
  Nanos until_;
};

}  // namespace

ProbeAnswer probe(const Target& target, const TlsContext& tls, const std::string& text,
                  const ColorReader& colors, Nanos timeout) {
  return Probing(colors, monotonic_ns() + timeout).ask(target, tls, text);
}

}  // namespace switchback::bench
