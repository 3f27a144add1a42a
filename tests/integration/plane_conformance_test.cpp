// The wire vectors of tests/conformance through a running data plane: what the client sees, and
// what the server behind was given. The server reads with a parser of its own, so that a request
// that the proxy and it would end at different places shows as bytes too many.
#include <algorithm>
#include <cstring>
#include <utility>

#include "tests/conformance/vectors.hpp"
#include "tests/integration/plane.hpp"
#include "tests/support/catch.hpp"

using namespace switchback;
using namespace switchback::test;
using conformance::Case;
using conformance::unescape;

namespace {

std::vector<std::string> lines_of(const std::string& head) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at < head.size();) {
    const std::size_t end = head.find("\r\n", at);
    out.push_back(head.substr(at, end - at));
    at = end == std::string::npos ? head.size() : end + 2;
  }
  return out;
}

std::string value_of(const std::string& head, const std::string& name) {
  for (const std::string& line : lines_of(head)) {
    if (line.size() > name.size() && line[name.size()] == ':' &&
        ::strncasecmp(line.c_str(), name.c_str(), name.size()) == 0) {
      return line.size() > name.size() + 2 ? line.substr(name.size() + 2) : " ";
    }
  }
  return {};
}

// What a server of this test was sent on one connection.
struct Received {
  unsigned number = 0;  // in the order in which their heads came
  std::string head, body, trailers;
  std::string behind;  // bytes behind the request: must be none
};

void read_chunks(RawClient& client, Received& out) {
  for (;;) {
    const std::size_t size = std::stoull(client.read_until("\r\n"), nullptr, 16);
    if (size == 0) break;
    out.body += client.read_exact(size);
    if (client.read_exact(2) != "\r\n") throw std::runtime_error("a chunk without its CRLF");
  }
  for (std::string line = client.read_until("\r\n"); line != "\r\n";
       line = client.read_until("\r\n")) {
    out.trailers += line;
  }
}

// Reads one request a connection, answers it, and waits for what else comes until the end.
class OneRequestServer {
 public:
  OneRequestServer() {
    TestServerOptions options;
    options.raw = [this](RawClient& client) { serve(client); };
    server_ = std::make_unique<TestServer>(options);
  }
  std::string address() const { return server_->address(); }
  // All that arrived since the last call, once every connection has ended: in the order in which
  // it was sent, whichever thread was first to see the end of its connection.
  std::vector<Received> take() {
    REQUIRE(until([&] { return server_->open_connections() == 0; }));
    const std::lock_guard lock(mutex_);
    std::vector<Received> out = std::exchange(complete_, {});
    std::sort(out.begin(), out.end(),
              [](const Received& a, const Received& b) { return a.number < b.number; });
    return out;
  }
  // RFC 9112 §9.3.2: requests of one client's connection go on one after the other, so none came
  // before the one before it had its answer.
  bool in_turn() {
    const std::lock_guard lock(mutex_);
    return in_turn_;
  }
  // No request is open: what a vector broke off is noticed before the next vector begins.
  bool idle() {
    const std::lock_guard lock(mutex_);
    return unanswered_ == 0;
  }

 private:
  // From a head on until its answer, or until its connection broke.
  struct Unanswered {
    Unanswered(OneRequestServer& server, Received& got) : server_(server) {
      const std::lock_guard lock(server_.mutex_);
      got.number = ++server_.heads_;
      if (server_.unanswered_++ > 0) server_.in_turn_ = false;
    }
    ~Unanswered() { end(); }
    void end() const {
      const std::lock_guard lock(server_.mutex_);
      if (!std::exchange(ended_, true)) --server_.unanswered_;
    }
    OneRequestServer& server_;
    mutable bool ended_ = false;
  };

  void serve(RawClient& client) {
    Received got;
    got.head = client.read_head();
    const Unanswered unanswered(*this, got);
    if (value_of(got.head, "Transfer-Encoding") == "chunked") {
      read_chunks(client, got);
    } else if (const std::string length = value_of(got.head, "Content-Length"); !length.empty()) {
      got.body = client.read_exact(std::stoull(length));
    }
    const bool head_only = got.head.rfind("HEAD ", 0) == 0;
    unanswered.end();
    client.try_send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n" +
                    std::string(head_only ? "" : "ok"));
    got.behind = client.read_to_end();
    const std::lock_guard lock(mutex_);
    complete_.push_back(std::move(got));
  }
  std::mutex mutex_;
  std::vector<Received> complete_;
  unsigned heads_ = 0, unanswered_ = 0;
  bool in_turn_ = true;
  std::unique_ptr<TestServer> server_;  // last: its threads use the rest
};

config::Service quiet_service(const std::string& server) {
  config::Service service = service_of("shop", {server}, {});
  service.health_check.interval = std::chrono::milliseconds(3'600'000);
  service.retries.attempts = 0;
  return service;
}

config::Service trusting(config::Service service) {
  config::Network loopback;
  const std::uint8_t bytes[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 0};
  std::copy(std::begin(bytes), std::end(bytes), loopback.bytes);
  loopback.prefix_bits = 104;
  service.forwarded.trust.push_back(loopback);
  return service;
}

bool checked(Plane& plane) {
  return plane.observer().wait(
      [&] { return plane.view().pools[0].servers[0].health != upstream::Health::unknown; });
}

// The client of the vectors is 203.0.113.7; that of this test comes from loopback.
std::string as_from_here(std::string line) {
  const std::string theirs = "203.0.113.7";
  const std::size_t at = line.find(theirs);
  if (at != std::string::npos) line.replace(at, theirs.size(), "127.0.0.1");
  return line;
}

void check_lines(const Case& vector, const std::string& head, const std::string& side) {
  const std::vector<std::string> lines = lines_of(head);
  INFO("it got: " << head);
  for (const std::string& key : vector.all(side + "-has")) {
    const std::string wanted = as_from_here(unescape(key));
    INFO("wanted: " << wanted);
    if (side == "server" && wanted == "X-Request-Id: id-1") {
      CHECK(value_of(head, "X-Request-Id").size() == 26);  // an id of the proxy's own
    } else {
      CHECK(std::count(lines.begin(), lines.end(), wanted) == 1);
    }
  }
  for (const std::string& unwanted : vector.all(side + "-lacks")) {
    INFO("unwanted: " << unwanted);
    CHECK(value_of(head, unwanted).empty());
  }
}

void check_received(const Case& vector, const Received& got) {
  check_lines(vector, got.head, "server");
  const std::string line = lines_of(got.head).front();
  const std::size_t first = line.find(' '), last = line.rfind(' ');
  CHECK(line.substr(last) == " HTTP/1.1");
  if (vector.has("method")) CHECK(line.substr(0, first) == unescape(vector.get("method")));
  if (vector.has("target")) {
    CHECK(line.substr(first + 1, last - first - 1) == unescape(vector.get("target")));
  }
  if (vector.has("authority") && !vector.get("authority").empty()) {
    CHECK(value_of(got.head, "Host") == vector.get("authority"));
  }
  CHECK(got.body == unescape(vector.get("body")));
  CHECK(got.trailers == unescape(vector.get("trailers")));
  CHECK(got.behind.empty());
}

int status_in(const std::string& answer) {
  return answer.rfind("HTTP/1.1 ", 0) == 0 ? std::stoi(answer.substr(9, 3)) : 0;
}

void run_request(const Case& vector, Plane& plane, OneRequestServer& server) {
  RawClient client = plane.client();
  client.try_send(vector.raw);
  client.half_close();
  const std::string answers = client.read_to_end();
  const std::vector<Received> received = server.take();
  INFO("the client got: " << answers.substr(0, 300));
  const std::string expect = vector.get("expect");
  if (expect == "ok") {
    CHECK(status_in(answers) == 200);
    const std::string left = unescape(vector.get("left"));
    const bool another = left.size() > 4 && left.substr(left.size() - 4) == "\r\n\r\n";
    REQUIRE(received.size() == (another ? 2u : 1u));
    check_received(vector, received.front());
    return;
  }
  CHECK(received.empty());
  // A line without an end is judged when it has grown further, or ends with the connection.
  const bool never_ended = vector.raw.find("\r\n") == std::string::npos && answers.empty();
  if (expect == "more" || never_ended) {
    CHECK(status_in(answers) == 0);
  } else {
    CHECK(status_in(answers) == std::stoi(expect.substr(0, 3)));
    CHECK(value_of(answers, "Connection") == "close");
    CHECK(answers.find("HTTP/1.1 ", 1) == std::string::npos);  // one answer, nothing behind it
  }
}

// Answers every request with the bytes of the vector whose turn it is. A connection on which a
// fault was sent, or that was said to end, must not bring another request.
class VectorServer {
 public:
  VectorServer() {
    TestServerOptions options;
    options.raw = [this](RawClient& client) { serve(client); };
    server_ = std::make_unique<TestServer>(options);
  }
  std::string address() const { return server_->address(); }
  void use(const Case& vector) {
    const std::lock_guard lock(mutex_);
    vector_ = &vector;
  }
  unsigned asked() {
    const std::lock_guard lock(mutex_);
    return asked_;
  }
  std::string wrongly_reused() {  // after which vector
    const std::lock_guard lock(mutex_);
    return wrongly_reused_;
  }

 private:
  void serve(RawClient& client) {
    for (std::string fault;;) {
      client.read_head();
      std::string bytes;
      bool closes = false;
      {
        const std::lock_guard lock(mutex_);
        ++asked_;
        if (!fault.empty()) wrongly_reused_ = fault;
        bytes = vector_->raw;
        const int status = std::stoi(vector_->get("status", "200"));
        const std::string expect = vector_->get("expect");
        const bool interim = expect == "ok" && status < 200 && status != 101;
        if (interim) {
          const std::string line = "HTTP/1.1 200 OK\r\n";  // where the vector has not begun it
          if (unescape(vector_->get("left")) != line) bytes += line;
          bytes += "Content-Length: 0\r\n\r\n";
        }
        closes = vector_->get("closes") == "yes" || expect == "more" || status == 101;
        if (expect != "ok" || closes || (vector_->has("left") && !interim) ||
            vector_->get("keep_alive") == "no") {
          fault = vector_->file + ": " + vector_->name;
        }
      }
      client.try_send(bytes);
      if (closes) {
        client.half_close();
        client.read_to_end();
        return;
      }
    }
  }
  std::mutex mutex_;
  const Case* vector_ = nullptr;
  unsigned asked_ = 0;
  std::string wrongly_reused_;
  std::unique_ptr<TestServer> server_;
};

std::string request_for(const Case& vector, int minor) {
  std::string out =
      vector.get("request", "GET") + " / HTTP/1." + std::to_string(minor) + "\r\nHost: a\r\n";
  if (vector.get("upgrade") == "yes") out += "Connection: Upgrade\r\nUpgrade: websocket\r\n";
  if (minor == 0) out += "Connection: keep-alive\r\n";
  return out + "TE: trailers\r\n\r\n";
}

std::string trailers_of(const RawResponse& answer) {
  std::string out;
  for (const auto& [name, value] : answer.trailers) out += name + ": " + value + "\r\n";
  return out;
}

void check_answer(const Case& vector, const RawResponse& answer, int minor) {
  const std::string expect = vector.get("expect");
  INFO("the client got: " << answer.head << answer.body);
  if (expect != "ok") {
    // A head that is wrong is a clean 502; what is wrong behind a good one must not look whole.
    const bool whole = answer.status != 502 && answer.complete;
    CHECK(whole == (expect == "more" && vector.get("framing") == "until_close"));
    return;
  }
  if (vector.has("status")) CHECK(answer.status == std::stoi(vector.get("status")));
  CHECK(answer.complete);
  CHECK(answer.body ==
        (answer.status == 101 ? unescape(vector.get("left")) : unescape(vector.get("body"))));
  if (minor == 1 && vector.get("framing") == "until_close") {
    CHECK(answer.field("Transfer-Encoding") == "chunked");  // the client's connection goes on
  } else if (minor == 1) {
    CHECK(trailers_of(answer) == unescape(vector.get("trailers")));
    check_lines(vector, answer.head, "client");
  } else {
    CHECK_FALSE(answer.has("Transfer-Encoding"));
  }
}

// What `answers: strict` makes of them, where that is something else.
void expect_strictly(std::vector<Case>& vectors) {
  for (Case& vector : vectors) {
    for (auto& [key, value] : vector.keys)
      if (key == "expect") value = vector.get("strict", value);
  }
}

// True: the client was told 502.
bool run_response(const Case& vector, Plane& plane, VectorServer& server, int minor) {
  server.use(vector);
  RawClient client = plane.client();
  client.send(request_for(vector, minor));
  const int status = std::stoi(vector.get("status", "200"));
  const bool interim = minor == 1 && status < 200;
  RawResponse answer;
  if (status == 101 && vector.get("expect") == "ok") {
    answer.head = client.read_head();
    answer.status = std::stoi(answer.head.substr(9, 3));
    client.half_close();
    answer.body = client.read_to_end();
    answer.complete = !client.reset_seen();
  } else {
    answer = client.read_response(vector.get("request") == "HEAD", interim);
  }
  if (status < 200 && minor == 0) {
    CHECK(answer.status == (vector.get("expect") == "ok" ? 200 : 502));
  } else {
    check_answer(vector, answer, minor);
  }
  return answer.status == 502;
}

}  // namespace

TEST_CASE("request vectors through a running proxy", "[conformance]") {
  OneRequestServer server;
  Plane plain(quiet_service(server.address()));
  Plane believing(trusting(quiet_service(server.address())));
  REQUIRE(checked(plain));
  REQUIRE(checked(believing));
  server.take();
  const std::vector<Case> vectors = conformance::load("request");
  REQUIRE(vectors.size() >= 300);
  for (const Case& vector : vectors) {
    INFO(vector.file << ": " << vector.name);
    run_request(vector, vector.get("trusted") == "yes" ? believing : plain, server);
    REQUIRE(until([&] { return server.idle(); }));
  }
  CHECK(server.in_turn());
  CHECK(until([&] { return plain.quiet() && believing.quiet(); }));
}

TEST_CASE("response vectors through a running proxy", "[conformance]") {
  const int minor = GENERATE(1, 0);
  const bool strict = GENERATE(false, true);
  VectorServer server;
  config::Service service = quiet_service(server.address());
  if (strict) service.answers = config::Answers::strict;
  Plane plane(service);
  REQUIRE(checked(plane));
  std::vector<Case> vectors = conformance::load("response");
  if (strict) expect_strictly(vectors);
  REQUIRE(vectors.size() >= 100);
  unsigned refused = 0;
  std::size_t skipped = 0;  // HTTP/1.0 has no upgrade
  for (const Case& vector : vectors) {
    INFO(vector.file << ": " << vector.name << ", client of HTTP/1." << minor);
    if (minor == 0 && vector.get("status") == "101" && vector.get("expect") == "ok") {
      ++skipped;
      continue;
    }
    refused += run_response(vector, plane, server, minor);
  }
  CHECK(refused >= (strict ? 55 : 40));
  CHECK(server.wrongly_reused() == "");
  CHECK(server.asked() == vectors.size() - skipped);
  CHECK(until([&] { return plane.quiet(); }));
}
