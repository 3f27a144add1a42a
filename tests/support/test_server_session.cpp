// One connection of the test server: reading requests and writing bytes. The paths are in
// test_server_routes.cpp.
#include "tests/support/test_server_session.hpp"

#include <strings.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

namespace switchback::test {
namespace {

constexpr std::size_t kept_requests = 1000;
constexpr std::size_t max_head_bytes = 4 << 20;

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

void parse_target(Request& request) {
  const auto mark = request.target.find('?');
  request.path = request.target.substr(0, mark);
  if (mark == std::string::npos) return;
  std::string rest = request.target.substr(mark + 1);
  while (!rest.empty()) {
    const auto end = rest.find('&');
    const std::string pair = rest.substr(0, end);
    rest = end == std::string::npos ? "" : rest.substr(end + 1);
    const auto equals = pair.find('=');
    request.query[pair.substr(0, equals)] =
        equals == std::string::npos ? "1" : pair.substr(equals + 1);
  }
}

}  // namespace

void parse_head(Request& request) {
  std::string_view rest = request.head;
  const auto line_of = [&rest] {
    const auto end = rest.find("\r\n");
    const auto line = rest.substr(0, end);
    rest.remove_prefix(end + 2);
    return line;
  };
  const auto first = line_of();
  const auto space = first.find(' ');
  const auto last = first.rfind(' ');
  request.method = first.substr(0, space);
  request.target = first.substr(space + 1, last - space - 1);
  request.minor_version = first.ends_with("1.0") ? 0 : 1;
  request.keep_alive = request.minor_version == 1;
  for (auto line = line_of(); !line.empty(); line = line_of()) {
    const auto colon = line.find(':');
    auto value = line.substr(std::min(line.size(), colon + 1));
    while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
    const auto name = line.substr(0, colon);
    request.fields.emplace_back(name, value);
    if (same_name(name, "Content-Length")) request.content_length = std::stoull(std::string(value));
    if (same_name(name, "Transfer-Encoding")) request.chunked = same_name(value, "chunked");
    if (same_name(name, "Expect")) request.expects_continue = true;
    if (same_name(name, "Connection") && same_name(value, "close")) request.keep_alive = false;
    if (same_name(name, "Connection") && same_name(value, "keep-alive")) request.keep_alive = true;
  }
  parse_target(request);
}

std::string SeenRequest::field(std::string_view name) const {
  Request request;
  request.head = head;
  parse_head(request);
  for (const auto& [key, value] : request.fields) {
    if (same_name(key, name)) return value;
  }
  return {};
}

std::uint64_t Request::number(const std::string& key, std::uint64_t otherwise) const {
  const auto at = query.find(key);
  return at == query.end() ? otherwise : std::stoull(at->second);
}

Session::Session(TestServer::Impl& server, Socket socket, std::uint64_t number)
    : server_(server), socket_(std::move(socket)), timer_(server.io), number_(number) {
  server_.sessions.insert(this);
  server_.open.fetch_add(1);
}

Session::~Session() {
  server_.sessions.erase(this);
  server_.open.fetch_sub(1);
}

void Session::reset_now() {
  boost::system::error_code ignored;
  socket_.set_option(asio::socket_base::linger(true, 0), ignored);
  socket_.close(ignored);
}

void Session::drop(bool with_reset) {
  boost::system::error_code ignored;
  if (with_reset) {
    reset_now();
  } else {
    socket_.shutdown(Socket::shutdown_both, ignored);
  }
  timer_.cancel();
}

asio::awaitable<void> Session::run() {
  for (;;) {
    Request request;
    if (!co_await read_head(request)) break;
    note(request);
    ++answered_;
    const unsigned limit = server_.options.close_after;
    const bool last = limit != 0 && answered_ >= limit;
    if (last && server_.options.announce_close) request.keep_alive = false;
    if (!co_await dispatch(request) || !request.keep_alive || last) break;
    if (!request.body_read) {
      if (request.expects_continue) break;  // whether a body follows is the client's guess
      std::string ignored;
      if (!co_await read_body(request, ignored)) break;
    }
  }
  boost::system::error_code ignored;
  socket_.shutdown(Socket::shutdown_send, ignored);
}

void Session::note(const Request& request) {
  if (request.path == "/healthz") {
    server_.health_requests.fetch_add(1);
    return;
  }
  {
    std::lock_guard lock(server_.mutex);
    server_.seen.push_back({number_, request.method, request.target, request.head});
    if (server_.seen.size() > kept_requests) server_.seen.pop_front();
  }
  server_.requests.fetch_add(1);
}

asio::awaitable<bool> Session::fill() {
  const auto before = buffer_.size();
  buffer_.resize(before + 64 * 1024);
  auto [ec, n] = co_await socket_.async_read_some(
      asio::buffer(buffer_.data() + before, buffer_.size() - before),
      asio::as_tuple(asio::use_awaitable));
  buffer_.resize(before + n);
  co_return !ec;
}

asio::awaitable<bool> Session::read_head(Request& request) {
  std::size_t end;
  while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
    if (buffer_.size() > max_head_bytes) co_return false;
    if (!co_await fill()) co_return false;
  }
  request.head = buffer_.substr(0, end + 4);
  buffer_.erase(0, end + 4);
  parse_head(request);
  co_return true;
}

asio::awaitable<bool> Session::read_line(std::string& line) {
  std::size_t end;
  while ((end = buffer_.find("\r\n")) == std::string::npos) {
    if (!co_await fill()) co_return false;
  }
  line = buffer_.substr(0, end);
  buffer_.erase(0, end + 2);
  co_return true;
}

asio::awaitable<bool> Session::read_body(Request& request, std::string& into) {
  Piece keep = [&into](std::string_view piece) -> asio::awaitable<bool> {
    into += piece;
    co_return true;
  };
  co_return co_await read_body(request, keep);
}

asio::awaitable<bool> Session::read_body(Request& request, Piece take) {
  request.body_read = true;
  if (request.expects_continue && (request.chunked || request.content_length)) {
    if (!co_await send("HTTP/1.1 100 Continue\r\n\r\n")) co_return false;
  }
  if (request.chunked) co_return co_await read_chunks(request, take);
  std::uint64_t left = request.content_length.value_or(0);
  while (left > 0) {
    if (buffer_.empty() && !co_await fill()) co_return false;
    const std::string piece = buffer_.substr(0, std::min<std::uint64_t>(left, buffer_.size()));
    buffer_.erase(0, piece.size());
    left -= piece.size();
    if (!co_await take(piece)) co_return false;
  }
  co_return true;
}

asio::awaitable<bool> Session::read_chunks(Request& request, Piece take) {
  std::string line;
  for (;;) {
    if (!co_await read_line(line)) co_return false;
    const std::uint64_t size = std::stoull(line, nullptr, 16);
    if (size == 0) break;
    while (buffer_.size() < size + 2) {
      if (!co_await fill()) co_return false;
    }
    const std::string piece = buffer_.substr(0, size);
    buffer_.erase(0, size + 2);
    if (!co_await take(piece)) co_return false;
  }
  for (;;) {
    if (!co_await read_line(line)) co_return false;
    if (line.empty()) co_return true;
    const auto colon = line.find(": ");
    request.trailers.emplace_back(line.substr(0, colon), line.substr(colon + 2));
  }
}

asio::awaitable<bool> Session::send(std::string bytes) {
  auto [ec, n] =
      co_await asio::async_write(socket_, asio::buffer(bytes), asio::as_tuple(asio::use_awaitable));
  co_return !ec;
}

asio::awaitable<bool> Session::send_chunk(std::string_view bytes) {
  char size[20];
  std::snprintf(size, sizeof size, "%zx\r\n", bytes.size());
  std::string chunk = size;
  chunk += bytes;
  chunk += "\r\n";
  co_return co_await send(std::move(chunk));
}

asio::awaitable<void> Session::pause(std::uint64_t ms) {
  timer_.expires_after(std::chrono::milliseconds(ms));
  co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
}

asio::awaitable<void> Session::read_until_end() {
  // The result needs a name: with `while (co_await fill())` g++ 12 lays out the frame wrongly.
  bool more = true;
  while (more) {
    buffer_.clear();
    more = co_await fill();
  }
}

}  // namespace switchback::test
