// What each path of the test server does; the list is in test_server.hpp.
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json.hpp>

#include "tests/support/test_server_session.hpp"
#include "tests/support/websocket.hpp"

namespace switchback::test {
namespace {

constexpr std::uint64_t promised_bytes = 1'000'000;

std::string length_field(std::uint64_t n) {
  return "Content-Length: " + std::to_string(n) + "\r\n";
}

boost::json::array pairs_of(const Fields& fields) {
  boost::json::array out;
  for (const auto& [name, value] : fields) out.push_back(boost::json::array{name, value});
  return out;
}

std::string field_of(const Request& request, std::string_view name) {
  return SeenRequest{.head = request.head}.field(name);
}

}  // namespace

asio::awaitable<bool> Session::dispatch(Request& request) {
  using Handler = asio::awaitable<bool> (Session::*)(Request&);
  static const std::map<std::string, Handler> handlers = {
      {"/echo", &Session::echo},       {"/mirror", &Session::mirror},
      {"/sink", &Session::sink},       {"/chunked", &Session::chunked},
      {"/hang", &Session::hang},       {"/close-delimited", &Session::close_delimited},
      {"/hold", &Session::hold},       {"/slow-body", &Session::slow_body},
      {"/reset", &Session::reset},     {"/truncate", &Session::truncate},
      {"/drop", &Session::drop_it},    {"/garbage", &Session::garbage},
      {"/early", &Session::early},     {"/sse", &Session::sse},
      {"/upgrade", &Session::upgrade}, {"/ws", &Session::websocket},
      {"/1xx", &Session::interim},     {"/trailers", &Session::trailers},
      {"/healthz", &Session::healthz}, {"/big-head", &Session::big_head},
  };
  if (request.path.starts_with("/status/")) co_return co_await status(request);
  const auto at = handlers.find(request.path);
  const Handler handler = at == handlers.end() ? &Session::ok : at->second;
  co_return co_await (this->*handler)(request);
}

std::string Session::head_of(Request& request, unsigned code, const std::string& fields) {
  std::string head = "HTTP/1.1 " + std::to_string(code) + " Test\r\n";
  head += "X-Served-By: " + server_.options.name + "\r\n";
  head += "X-Connection: " + std::to_string(number_) + "\r\n";
  if (!request.keep_alive) head += "Connection: close\r\n";
  if (request.keep_alive && request.minor_version == 0) head += "Connection: keep-alive\r\n";
  return head + fields + "\r\n";
}

asio::awaitable<bool> Session::answer(Request& request, unsigned code, std::string type,
                                      std::string body, std::string more_fields) {
  const bool no_length = code < 200 || code == 204;
  if (!no_length) more_fields += length_field(body.size());
  if (!type.empty()) more_fields += "Content-Type: " + type + "\r\n";
  if (no_length || code == 304 || request.method == "HEAD") body.clear();
  std::string bytes = head_of(request, code, more_fields);
  bytes += body;
  co_return co_await send(std::move(bytes));
}

asio::awaitable<bool> Session::ok(Request& request) {
  std::string body;
  if (!co_await read_body(request, body)) co_return false;
  if (const auto ms = request.number("ms", 0); ms != 0) co_await pause(ms);
  const bool sized = request.query.contains("bytes");
  body = sized ? body_of(request.number("bytes", 0)) : "ok";
  co_return co_await answer(request, 200, "text/plain", std::move(body));
}

asio::awaitable<bool> Session::echo(Request& request) {
  std::string body;
  if (!co_await read_body(request, body)) co_return false;
  if (request.flag("raw")) {
    co_return co_await answer(request, 200, "text/plain", request.head + body);
  }
  boost::json::object out{{"method", request.method},
                          {"target", request.target},
                          {"version", request.minor_version},
                          {"fields", pairs_of(request.fields)},
                          {"body", body},
                          {"trailers", pairs_of(request.trailers)}};
  co_return co_await answer(request, 200, "application/json", boost::json::serialize(out));
}

asio::awaitable<bool> Session::mirror(Request& request) {
  std::string head = head_of(request, 200, "Transfer-Encoding: chunked\r\n");
  if (!co_await send(std::move(head))) co_return false;
  Piece give_back = [this](std::string_view piece) { return send_chunk(piece); };
  if (!co_await read_body(request, give_back)) co_return false;
  co_return co_await send("0\r\n\r\n");
}

asio::awaitable<bool> Session::sink(Request& request) {
  std::uint64_t bytes = 0;
  std::uint64_t hash = body_hash({});
  Piece count = [&](std::string_view piece) -> asio::awaitable<bool> {
    bytes += piece.size();
    for (const char c : piece) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    co_return true;
  };
  if (!co_await read_body(request, count)) co_return false;
  std::string text = "bytes=" + std::to_string(bytes) + " fnv=" + std::to_string(hash);
  co_return co_await answer(request, 200, "text/plain", std::move(text));
}

asio::awaitable<bool> Session::chunked(Request& request) {
  std::string body;
  if (!co_await read_body(request, body)) co_return false;
  body = body_of(request.number("bytes", 2000));
  const auto piece = request.number("chunk", 1000);
  std::string head = head_of(request, 200, "Transfer-Encoding: chunked\r\n");
  if (!co_await send(std::move(head))) co_return false;
  for (std::size_t at = 0; at < body.size(); at += piece) {
    if (!co_await send_chunk(std::string_view(body).substr(at, piece))) co_return false;
  }
  co_return co_await send("0\r\n\r\n");
}

asio::awaitable<bool> Session::close_delimited(Request& request) {
  std::string body;
  if (!co_await read_body(request, body)) co_return false;
  request.keep_alive = false;
  std::string bytes = head_of(request, 200, "");
  bytes += body_of(request.number("bytes", 2000));
  co_await send(std::move(bytes));
  co_return false;
}

asio::awaitable<bool> Session::slow_body(Request& request) {
  std::string body;
  if (!co_await read_body(request, body)) co_return false;
  body = body_of(request.number("bytes", 1000));
  std::string head = head_of(request, 200, length_field(body.size()));
  if (!co_await send(std::move(head))) co_return false;
  const std::size_t piece = body.size() / 10 + 1;
  for (std::size_t at = 0; at < body.size(); at += piece) {
    if (at > 0) co_await pause(request.number("ms", 10));
    std::string part = body.substr(at, piece);
    if (!co_await send(std::move(part))) co_return false;
  }
  co_return true;
}

asio::awaitable<bool> Session::hang(Request&) {
  co_await read_until_end();
  co_return false;
}

asio::awaitable<bool> Session::hold(Request& request) {
  std::string body;
  if (!co_await read_body(request, body)) co_return false;
  asio::steady_timer released(server_.io, std::chrono::hours(24));
  server_.holds.insert(&released);
  server_.held.fetch_add(1);
  co_await released.async_wait(asio::as_tuple(asio::use_awaitable));
  server_.holds.erase(&released);
  server_.held.fetch_sub(1);
  co_return co_await answer(request, 200, "text/plain", "released");
}

asio::awaitable<bool> Session::reset(Request& request) {
  if (request.query.contains("bytes")) {
    std::string bytes = head_of(request, 200, length_field(promised_bytes));
    bytes += body_of(request.number("bytes", 0));
    co_await send(std::move(bytes));
  }
  reset_now();
  co_return false;
}

asio::awaitable<bool> Session::truncate(Request& request) {
  std::string body;
  if (!co_await read_body(request, body)) co_return false;
  const bool in_chunks = request.flag("chunked");
  const auto fields = in_chunks ? "Transfer-Encoding: chunked\r\n" : length_field(promised_bytes);
  std::string head = head_of(request, 200, fields);
  body = body_of(request.number("bytes", 100));
  if (!co_await send(std::move(head))) co_return false;
  if (in_chunks) {
    co_await send_chunk(body);
  } else {
    co_await send(body);
  }
  if (request.flag("rst")) reset_now();
  co_return false;
}

asio::awaitable<bool> Session::drop_it(Request& request) {
  std::string body;
  co_await read_body(request, body);
  co_return false;
}

asio::awaitable<bool> Session::garbage(Request& request) {
  std::string body;
  if (!co_await read_body(request, body)) co_return false;
  std::string bytes = "\x16\x03\x01 this is not HTTP\r\n\r\n";
  bytes += body_of(200 - bytes.size());
  co_await send(std::move(bytes));
  co_return false;
}

asio::awaitable<bool> Session::early(Request& request) {
  const bool keep = request.flag("keep");
  if (!keep) request.keep_alive = false;
  const bool sent = co_await answer(request, 413, "text/plain", "too much");
  if (!sent) co_return false;
  if (keep) co_return true;
  if (request.flag("rst")) {
    reset_now();
    co_return false;
  }
  boost::system::error_code ignored;
  socket_.shutdown(Socket::shutdown_send, ignored);
  co_await read_until_end();
  co_return false;
}

asio::awaitable<bool> Session::sse(Request& request) {
  std::string body;
  if (!co_await read_body(request, body)) co_return false;
  std::string head =
      head_of(request, 200, "Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n");
  if (!co_await send(std::move(head))) co_return false;
  const auto events = request.number("events", 0);
  for (std::uint64_t i = 0; events == 0 || i < events; ++i) {
    if (i > 0) co_await pause(request.number("ms", 10));
    const std::string event = "data: " + std::to_string(i) + " " + server_.options.name + "\n\n";
    if (!co_await send_chunk(event)) co_return false;
  }
  co_return co_await send("0\r\n\r\n");
}

asio::awaitable<bool> Session::upgrade(Request& request) {
  const std::string protocol = field_of(request, "Upgrade");
  if (protocol.empty()) co_return co_await answer(request, 426, "text/plain", "Upgrade wanted");
  std::string bytes = "HTTP/1.1 101 Switching Protocols\r\nX-Served-By: " + server_.options.name +
                      "\r\nConnection: Upgrade\r\nUpgrade: " + protocol + "\r\n\r\nhello " +
                      server_.options.name + "\n";
  if (!co_await send(std::move(bytes))) co_return false;
  for (;;) {
    if (!buffer_.empty()) {
      std::string back = std::exchange(buffer_, {});
      if (!co_await send(std::move(back))) co_return false;
    }
    if (!co_await fill()) co_return false;
  }
}

// Two numbered messages for each numbered one; a number that is not the next gets Close 1008.
asio::awaitable<bool> Session::websocket(Request& request) {
  if (field_of(request, "Sec-WebSocket-Key").empty()) {
    co_return co_await answer(request, 426, "text/plain", "WebSocket wanted");
  }
  std::string said =
      WebSocketPeer::answer(request.head, "X-Served-By: " + server_.options.name + "\r\n");
  std::uint64_t heard = 0, sent = 0;
  for (;;) {
    // Named before each co_await: GCC 12 destroys a temporary in one twice.
    std::string bytes = std::exchange(said, {});
    if (!co_await send(std::move(bytes))) co_return false;
    std::optional<WebSocketFrame> frame;
    while (!(frame = take_websocket_frame(buffer_, true))) {
      if (!co_await fill()) co_return false;
    }
    if (frame->opcode == ws_close) {
      frame->masked = false;
      bytes = websocket_bytes(*frame);
      co_await send(std::move(bytes));
      co_return false;
    }
    if (frame->opcode == ws_ping) said = websocket_bytes({ws_pong, frame->payload});
    if (frame->opcode != ws_text) continue;
    if (frame->payload != std::to_string(heard++)) {
      bytes = websocket_bytes(websocket_close(1008, false));
      co_await send(std::move(bytes));
      co_return false;
    }
    said = websocket_bytes({ws_text, std::to_string(sent) + " " + frame->payload}) +
           websocket_bytes({ws_text, std::to_string(sent + 1)});
    sent += 2;
  }
}

asio::awaitable<bool> Session::interim(Request& request) {
  std::string body;
  if (!co_await read_body(request, body)) co_return false;
  if (!co_await send("HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n")) {
    co_return false;
  }
  co_return co_await answer(request, 200, "text/plain", "ok");
}

asio::awaitable<bool> Session::trailers(Request& request) {
  std::string body;
  if (!co_await read_body(request, body)) co_return false;
  std::string head = head_of(request, 200, "Transfer-Encoding: chunked\r\nTrailer: X-Checksum\r\n");
  if (!co_await send(std::move(head))) co_return false;
  if (!co_await send_chunk("with trailers")) co_return false;
  co_return co_await send("0\r\nX-Checksum: abc\r\n\r\n");
}

asio::awaitable<bool> Session::big_head(Request& request) {
  std::string body;
  if (!co_await read_body(request, body)) co_return false;
  std::string fields;
  const auto wanted = request.number("bytes", 20'000);
  for (int i = 0; fields.size() < wanted; ++i) {
    fields += "X-Filler-" + std::to_string(i) + ": " + std::string(1000, 'x') + "\r\n";
  }
  co_return co_await answer(request, 200, "text/plain", "ok", fields);
}

asio::awaitable<bool> Session::status(Request& request) {
  std::string body;
  if (!co_await read_body(request, body)) co_return false;
  const std::string code = request.path.substr(8, 3);
  co_return co_await answer(request, static_cast<unsigned>(std::stoul(code)), "text/plain", code);
}

asio::awaitable<bool> Session::healthz(Request& request) {
  const bool healthy = server_.healthy.load();
  co_return co_await answer(request, healthy ? 200 : 503, "text/plain", healthy ? "ok" : "sick");
}

}  // namespace switchback::test
