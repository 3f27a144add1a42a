#include "admin/people/anchors.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>

#include "config/dates.hpp"

namespace switchback::people {
namespace {

std::string_view take_word(std::string_view& text) {
  const auto end = std::min(text.find(' '), text.size());
  const auto word = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return word;
}

bool parse_line(std::string_view line, Anchor& out) {
  const auto time = config::parse_instant(take_word(line));
  if (!std::holds_alternative<config::Instant>(time)) return false;
  out.at_us = std::get<config::Instant>(time).wall_us;
  const auto word = take_word(line);
  if (word == "new") {
    out.begun_anew = line.empty() ? "no reason given" : std::string(line);
    return true;
  }
  const auto [end, fault] = std::from_chars(word.data(), word.data() + word.size(), out.seq);
  out.hash = std::string(line);
  return fault == std::errc() && end == word.data() + word.size() && out.hash.size() == 64;
}

}  // namespace

std::string anchor_line(const Anchor& anchor) {
  std::string line = config::format_instant(anchor.at_us) + " ";
  if (anchor.begun_anew.empty())
    return line + std::to_string(anchor.seq) + " " + anchor.hash + "\n";
  for (const char c : anchor.begun_anew) line += c == '\n' ? ' ' : c;
  return line.insert(line.find(' '), " new") + "\n";
}

std::vector<Anchor> parse_anchors(std::string_view text, std::size_t* unreadable) {
  std::vector<Anchor> anchors;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    Anchor anchor;
    if (line.empty()) continue;
    if (parse_line(line, anchor)) {
      anchors.push_back(std::move(anchor));
    } else if (unreadable != nullptr) {
      ++*unreadable;
    }
  }
  return anchors;
}

AnchorFile read_anchors(const std::string& path) {
  AnchorFile out;
  if (::access(path.c_str(), F_OK) != 0 && errno == ENOENT) return out;
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    out.fault = path + ": cannot be read";
    return out;
  }
  std::string text(std::istreambuf_iterator<char>(file), {});
  // The newest are at the end.
  if (text.size() > most_anchor_bytes)
    text.erase(0, text.find('\n', text.size() - most_anchor_bytes) + 1);
  out.anchors = parse_anchors(text, &out.unreadable);
  return out;
}

std::string append_anchor(const std::string& path, const Anchor& anchor) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
  if (fd < 0) return path + ": " + std::strerror(errno);
  const std::string line = anchor_line(anchor);
  std::string fault;
  const bool written = ::write(fd, line.data(), line.size()) == static_cast<ssize_t>(line.size());
  if (!written || ::fdatasync(fd) != 0) fault = path + ": " + std::strerror(errno);
  ::close(fd);
  return fault;
}

AnchoredVerifier::AnchoredVerifier(const std::vector<Anchor>& anchors) {
  for (const auto& anchor : anchors) {
    if (!anchor.begun_anew.empty()) {
      earlier_ += anchors_.size();
      anchors_.clear();
    } else {
      anchors_.push_back(anchor);
    }
  }
  std::stable_sort(anchors_.begin(), anchors_.end(),
                   [](const auto& a, const auto& b) { return a.seq < b.seq; });
}

void AnchoredVerifier::next(const ledger::AuditRow& row) {
  chain_.next(row);
  last_seq_ = row.seq;
  for (; next_ < anchors_.size() && anchors_[next_].seq <= row.seq; ++next_) {
    const Anchor& anchor = anchors_[next_];
    if (anchor.seq == row.seq && anchor.hash == row.hash) {
      ++compared_;
    } else if (fault_.first_bad == 0) {
      fault_.first_bad = anchor.seq;
      fault_.fault = "its hash is not the one that was anchored at " +
                     config::format_instant(anchor.at_us) + ": the chain was written anew";
    }
  }
}

ledger::AuditCheck AnchoredVerifier::finish() {
  ledger::AuditCheck check = chain_.result();
  if (fault_.first_bad == 0 && next_ < anchors_.size()) {
    const Anchor& newest = anchors_.back();
    fault_.first_bad = last_seq_ + 1;
    fault_.fault = "the chain ends before it, but entry " + std::to_string(newest.seq) +
                   " was anchored at " + config::format_instant(newest.at_us) +
                   ": the newest entries are missing";
  }
  if (fault_.first_bad != 0 && (check.first_bad == 0 || fault_.first_bad < check.first_bad)) {
    check.first_bad = fault_.first_bad;
    check.fault = fault_.fault;
  }
  return check;
}

}  // namespace switchback::people
