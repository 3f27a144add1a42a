#include "proxy/tunnel/tunnel.hpp"

#include "tests/support/catch.hpp"
#include "tests/unit/proxy/tunnel/frames.hpp"

using namespace switchback::tunnel;
using namespace switchback::tunnel::test;

namespace {

// What a tunnel lets through one way, byte for byte, with our Close as "<close>" and an end as "$".
class Pipe {
 public:
  explicit Pipe(bool websocket = true, bool extensions = false) {
    tunnel.begin(websocket, extensions);
  }
  void bytes(Way way, const std::string& data) {
    take(way, tunnel.on_bytes(way, data.data(), data.size()), data);
    take(other(way), tunnel.due(other(way)), "");
  }
  void end(Way way) {
    take(way, tunnel.on_end(way), "");
    take(other(way), tunnel.due(other(way)), "");
  }
  void ask() {
    tunnel.ask_close(CloseCode::service_restart);
    take(Way::to_server, tunnel.due(Way::to_server), "");
    take(Way::to_client, tunnel.due(Way::to_client), "");
  }
  Tunnel tunnel;
  std::string server, client;  // what each has got

 private:
  void take(Way way, const Step& step, const std::string& data) {
    std::string& to = way == Way::to_server ? server : client;
    to += data.substr(0, step.pass);
    if (step.close) to += "<close>";
    if (step.end) to += "$";
  }
};

const std::string hello_client = bytes_of("81 85 37 fa 21 3d 7f 9f 4d 51 58");
const std::string hello_server = bytes_of("81 05 48 65 6c 6c 6f");
const std::string close_client = bytes_of("88 82 00 00 00 00 03 e8");
const std::string close_server = bytes_of("88 02 03 e8");

}  // namespace

TEST_CASE("until it is asked to close, a tunnel passes everything", "[tunnel]") {
  const bool websocket = GENERATE(true, false);
  Pipe pipe(websocket);
  pipe.bytes(Way::to_server, hello_client + "anything at all");
  pipe.bytes(Way::to_client, hello_server + close_server + "more");
  CHECK(pipe.server == hello_client + "anything at all");
  CHECK(pipe.client == hello_server + close_server + "more");
  CHECK(pipe.tunnel.lost() == websocket);
  pipe.end(Way::to_client);
  CHECK(pipe.tunnel.half_closed());
  CHECK_FALSE(pipe.tunnel.finished());
  pipe.bytes(Way::to_server, "still");
  pipe.end(Way::to_server);
  CHECK(pipe.server.ends_with("anything at allstill$"));
  CHECK(pipe.client.ends_with("more$"));
  CHECK(pipe.tunnel.finished());
}

TEST_CASE("asked at a boundary, both ends are closed at once and their answers awaited",
          "[tunnel]") {
  const bool client_first = GENERATE(true, false);
  Pipe pipe;
  pipe.bytes(Way::to_server, hello_client);
  pipe.ask();
  CHECK(pipe.server == hello_client + "<close>");
  CHECK(pipe.client == "<close>");
  pipe.bytes(Way::to_client, hello_server + hello_server);  // dropped: behind our Close
  CHECK(pipe.client == "<close>");
  for (const bool client : {client_first, !client_first}) {
    CHECK_FALSE(pipe.tunnel.finished());
    if (client) {
      pipe.bytes(Way::to_server, hello_client + close_client + "behind");
      CHECK(pipe.client == "<close>$");  // the server of the two ends the connection
      CHECK(pipe.tunnel.answered(Way::to_client));
    } else {
      pipe.bytes(Way::to_client, close_server);
      CHECK(pipe.tunnel.answered(Way::to_server));
    }
  }
  CHECK(pipe.server == hello_client + "<close>");
  CHECK(pipe.tunnel.finished());
}

TEST_CASE("asked within a frame, at every place, it closes behind that frame", "[tunnel]") {
  for (const Way way : {Way::to_server, Way::to_client}) {
    const std::string frame = way == Way::to_server ? hello_client : hello_server;
    const std::string all = frame + frame + frame;
    for (std::size_t cut = 0; cut <= all.size(); ++cut) {
      for (std::size_t piece = 1; piece <= all.size(); ++piece) {
        Pipe pipe;
        pipe.bytes(way, all.substr(0, cut));
        pipe.ask();
        for (std::size_t at = cut; at < all.size(); at += piece)
          pipe.bytes(way, all.substr(at, piece));
        const std::size_t boundary = (cut + frame.size() - 1) / frame.size() * frame.size();
        const std::string& got = way == Way::to_server ? pipe.server : pipe.client;
        if (got != all.substr(0, boundary) + "<close>") {
          CAPTURE(cut, piece, got);
          FAIL("closed elsewhere");
        }
        CHECK(pipe.tunnel.close_sent(other(way)));  // the other way did not wait for it
      }
    }
  }
}

TEST_CASE("one piece may end a frame, drop the next and bring the answer", "[tunnel]") {
  Pipe pipe;
  pipe.bytes(Way::to_server, hello_client.substr(0, 4));
  pipe.ask();
  pipe.bytes(Way::to_server, hello_client.substr(4) + hello_client + close_client);
  CHECK(pipe.server == hello_client + "<close>");
  CHECK(pipe.client == "<close>$");
  pipe.bytes(Way::to_client, close_server);
  CHECK(pipe.tunnel.finished());
}

TEST_CASE("between fragments a Close may stand", "[tunnel]") {
  Pipe pipe;
  const std::string fragment = bytes_of("01 03 48 65 6c");
  pipe.bytes(Way::to_client, fragment + bytes_of("80"));
  pipe.ask();
  pipe.bytes(Way::to_client, bytes_of("02 6c 6f"));
  CHECK(pipe.client == fragment + bytes_of("80 02 6c 6f") + "<close>");
  Pipe early;
  early.bytes(Way::to_client, fragment);
  early.ask();
  early.bytes(Way::to_client, bytes_of("80 02 6c 6f"));
  CHECK(early.client == fragment + "<close>");
}

TEST_CASE("who has begun to close is left to finish", "[tunnel]") {
  const int who = GENERATE(0, 1, 2);
  Pipe pipe;
  if (who == 0) pipe.bytes(Way::to_server, close_client);
  if (who == 1) pipe.bytes(Way::to_client, close_server);
  if (who == 2) pipe.bytes(Way::to_client, close_server.substr(0, 1));
  pipe.ask();
  CHECK(pipe.tunnel.left_to_finish());
  if (who == 2) pipe.bytes(Way::to_client, close_server.substr(1));
  if (who == 0) pipe.bytes(Way::to_client, close_server);
  if (who != 0) pipe.bytes(Way::to_server, close_client);
  CHECK(pipe.client == close_server);
  CHECK(pipe.server == close_client);
  CHECK_FALSE(pipe.tunnel.finished());
  pipe.end(Way::to_client);
  pipe.end(Way::to_server);
  CHECK(pipe.client == close_server + "$");
  CHECK(pipe.tunnel.finished());
}

TEST_CASE("a source that ends instead of answering is an answer", "[tunnel]") {
  Pipe pipe;
  pipe.ask();
  pipe.end(Way::to_client);
  CHECK(pipe.client == "<close>");  // the client has its Close to answer still
  CHECK_FALSE(pipe.tunnel.finished());
  pipe.end(Way::to_server);
  CHECK(pipe.tunnel.finished());
  CHECK_FALSE(pipe.tunnel.answered(Way::to_client));
  CHECK_FALSE(pipe.tunnel.answered(Way::to_server));
}

TEST_CASE("a source that ends within a frame has its end passed on", "[tunnel]") {
  Pipe pipe;
  pipe.bytes(Way::to_client, hello_server.substr(0, 3));
  pipe.ask();
  CHECK(pipe.client == hello_server.substr(0, 3));
  pipe.end(Way::to_client);
  CHECK(pipe.client == hello_server.substr(0, 3) + "$");
  CHECK_FALSE(pipe.tunnel.finished());
  pipe.end(Way::to_server);
  CHECK(pipe.tunnel.finished());
}

TEST_CASE("a way that broke the rules is ended, the other is closed", "[tunnel]") {
  Pipe pipe;
  pipe.bytes(Way::to_server, "GET / HTTP/1.1");
  CHECK(pipe.tunnel.lost());
  pipe.ask();
  CHECK(pipe.server == "GET / HTTP/1.1$");
  CHECK(pipe.client == "<close>");
  pipe.end(Way::to_server);
  pipe.bytes(Way::to_client, close_server);
  CHECK_FALSE(pipe.tunnel.finished());  // nothing was sent that a Close would answer
  pipe.end(Way::to_client);
  CHECK(pipe.tunnel.finished());
}

TEST_CASE("a way that breaks the rules while its boundary is awaited is ended there", "[tunnel]") {
  Pipe pipe;
  pipe.bytes(Way::to_client, bytes_of("82"));
  pipe.ask();
  pipe.bytes(Way::to_client, bytes_of("fe 00 00"));
  CHECK(pipe.client == bytes_of("82 fe 00 00") + "$");
  pipe.bytes(Way::to_client, "and so on");
  CHECK(pipe.client == bytes_of("82 fe 00 00") + "$");
}

TEST_CASE("another protocol is half-closed both ways", "[tunnel]") {
  Pipe pipe(false);
  pipe.bytes(Way::to_client, "some");
  pipe.ask();
  CHECK(pipe.client == "some$");
  CHECK(pipe.server == "$");
  pipe.bytes(Way::to_client, "more");
  CHECK(pipe.client == "some$");
  pipe.end(Way::to_client);
  CHECK_FALSE(pipe.tunnel.finished());
  pipe.end(Way::to_server);
  CHECK(pipe.tunnel.finished());
}

TEST_CASE("a way that ended before is not closed again", "[tunnel]") {
  Pipe pipe;
  pipe.end(Way::to_server);
  pipe.ask();
  CHECK(pipe.server == "$");
  CHECK(pipe.client == "<close>");
  CHECK_FALSE(pipe.tunnel.finished());
  pipe.end(Way::to_client);
  CHECK(pipe.tunnel.finished());
}

TEST_CASE("asked twice, the first code stays", "[tunnel]") {
  Pipe pipe;
  pipe.tunnel.ask_close(CloseCode::going_away);
  pipe.tunnel.ask_close(CloseCode::service_restart);
  CHECK(pipe.tunnel.code() == CloseCode::going_away);
}

TEST_CASE("what is broken carries nothing more", "[tunnel]") {
  Pipe pipe;
  pipe.tunnel.broken(Way::to_server);
  pipe.bytes(Way::to_server, hello_client);
  CHECK(pipe.server.empty());
  CHECK_FALSE(pipe.tunnel.carries(Way::to_server));
  CHECK(pipe.tunnel.half_closed());
}

TEST_CASE("a grace is as long as the tunnel was left alone, within bounds", "[tunnel]") {
  using namespace std::chrono_literals;
  CHECK(grace_of(2s) == 2s);
  CHECK(grace_of(10s) == 5s);
  CHECK(grace_of(0s) == 1ms);
}
