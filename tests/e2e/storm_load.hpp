// Load from outside that judges every answer: complete, of the right bytes, from a color that the
// flips allow.
//
// The judgement: a Stage says which color every request begun now must get (stable), or that a
// flip is under way (any). A request begun in a stable stage that is still the same stage when its
// answer's head is here has been served by that stage's color, or it is stale.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace switchback::test {

struct Stage {
  std::uint64_t number = 0;   // grows with every change
  std::string color;          // "": a flip is under way
};

class Storm {
 public:
  explicit Storm(std::string address);
  ~Storm();   // stops
  void start();
  void stop();
  void set_stage(const std::string& color);
  // Blocks until `count` more answers have come; false when the patience ran out.
  bool wait_for_answers(std::uint64_t count);
  std::uint64_t answers() const { return answers_; }
  std::uint64_t stale() const { return stale_; }
  std::uint64_t failed() const { return failed_; }
  std::vector<std::string> complaints() const;
  std::uint64_t messages() const { return messages_; }   // of WebSockets, both ways
  std::uint64_t closes() const { return closes_; }       // 1012, each behind a whole sequence
  std::string summary() const;

 private:
  enum class Kind : std::size_t { keep_alive, fresh, upload, post, download, chunked, events, websocket, count };
  void run(Kind kind);
  void run_websocket();   // storm_websocket.cpp
  void websocket_session();
  void note_served(Kind kind, const Stage& before, const std::string& served);
  bool once(Kind kind, class RawClient& client, unsigned turn);
  void judge(Kind kind, const Stage& before, const struct RawResponse& answer, bool good);
  void complain(Kind kind, const std::string& what);
  Stage stage() const;

  const std::string address_;
  std::atomic<bool> stopping_{false};
  std::atomic<std::uint64_t> answers_{0}, stale_{0}, failed_{0};
  std::atomic<std::uint64_t> messages_{0}, closes_{0};
  std::array<std::atomic<std::uint64_t>, static_cast<std::size_t>(Kind::count)> by_kind_{};
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Stage stage_;
  std::vector<std::string> complaints_;
  std::vector<std::thread> threads_;
};

}  // namespace switchback::test
