#include "admin/http/server.hpp"

#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstring>
#include <filesystem>

#include "admin/http/peer.hpp"
#include "admin/http/session.hpp"

namespace switchback::web {

using boost::system::error_code;

namespace {

constexpr auto tuple = asio::as_tuple(asio::use_awaitable);
using LocalAcceptor = asio::local::stream_protocol::acceptor;
using TcpAcceptor = asio::ip::tcp::acceptor;

bool privileged(const Peer& peer) {
  return peer.kind == Peer::Kind::unix_socket && peer.credentials &&
         (peer.uid == 0 || peer.uid == ::geteuid());
}

// Closes the longest idle connection of a listener, so that a new one finds room.
bool evict_idle(Server::State& server, ListenerState& listener) {
  for (Session* session : listener.sessions) {
    if (!session->idle() || privileged(session->peer())) continue;
    session->close();
    ++server.counters.evicted;
    return true;
  }
  return false;
}

// A socket file anybody may connect to must not let anybody keep others out: a uid has its own
// share, idle connections give way, and root and the server's own uid have room of their own.
bool admit(Server::State& server, ListenerState& listener, const Peer& peer) {
  const auto& o = server.options;
  const auto open = listener.sessions.size();
  if (privileged(peer)) {
    return open < o.connection_limit + o.reserved || evict_idle(server, listener);
  }
  if (peer.kind == Peer::Kind::unix_socket) {
    const auto same = std::count_if(listener.sessions.begin(), listener.sessions.end(),
                                    [&](Session* s) { return s->peer().uid == peer.uid; });
    if (static_cast<std::size_t>(same) >= o.connections_per_uid) return false;
  }
  return open < o.connection_limit || evict_idle(server, listener);
}

// A coroutine starts later than it is spawned; its parameter keeps the session until then.
asio::awaitable<void> serve_session(std::shared_ptr<Session> session, bool welcome) {
  if (welcome) {
    co_await session->run();
  } else {
    co_await session->refuse();
  }
}

template <class Acceptor>
asio::awaitable<void> accept_loop(std::shared_ptr<Server::State> server,
                                  std::shared_ptr<ListenerState> listener,
                                  std::shared_ptr<Acceptor> acceptor) {
  asio::steady_timer pause(server->io);
  while (!server->stopped) {
    auto [error, accepted] = co_await acceptor->async_accept(tuple);
    if (server->stopped || !acceptor->is_open()) co_return;
    if (error == asio::error::connection_aborted) continue;
    if (error) {  // out of descriptors or memory: both pass
      pause.expires_after(std::chrono::milliseconds(100));
      co_await pause.async_wait(tuple);
      continue;
    }
    ++server->counters.accepted;
    Peer peer;
    if constexpr (std::is_same_v<Acceptor, LocalAcceptor>) {
      peer = unix_peer(accepted.native_handle());
    } else {
      peer = tcp_peer(accepted.native_handle());
      error_code ignored;
      accepted.set_option(asio::ip::tcp::no_delay(true), ignored);
    }
    const bool welcome = admit(*server, *listener, peer);
    // A refused connection is counted while its 503 goes out; beyond that there is no courtesy.
    if (!welcome && listener->sessions.size() >=
                        server->options.connection_limit + 2 * server->options.reserved) {
      ++server->counters.refused;
      continue;
    }
    auto session = std::make_shared<Session>(server, listener, Session::Socket(std::move(accepted)),
                                             std::move(peer));
    if (!welcome) ++server->counters.refused;
    asio::co_spawn(server->io, serve_session(std::move(session), welcome), asio::detached);
  }
}

template <class Acceptor>
void start_listener(const std::shared_ptr<Server::State>& server,
                    std::shared_ptr<Acceptor> acceptor) {
  auto listener = std::make_shared<ListenerState>();
  server->listeners.push_back(listener);
  server->close_listeners.push_back([acceptor] {
    error_code ignored;
    acceptor->close(ignored);
  });
  asio::co_spawn(server->io, accept_loop<Acceptor>(server, listener, acceptor), asio::detached);
}

// "" when the way is free: no file, or a socket file nobody answers on (which is then removed).
std::string clear_stale_socket(const std::string& path, asio::io_context& io) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return "";
  if (!S_ISSOCK(info.st_mode)) return path + ": is in the way and is not a socket; remove it";
  asio::local::stream_protocol::socket probe(io);
  error_code error;
  probe.connect(asio::local::stream_protocol::endpoint(path), error);
  if (!error) {
    return path +
           ": another switchback is answering there; stop it, or choose another admin.socket";
  }
  if (error == asio::error::would_block || error == asio::error::try_again) {
    return path + ": another process is listening there; stop it, or choose another admin.socket";
  }
  if (::unlink(path.c_str()) != 0) return path + ": " + std::strerror(errno);
  return "";
}

}  // namespace

Server::Server(asio::io_context& io, Handler handler, ServerOptions options)
    : state_(std::make_shared<State>(io, std::move(handler), options)) {}

Server::~Server() {
  stop();
}

std::string Server::listen_unix(const std::string& path) {
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    return path + ": a socket path may have at most " +
           std::to_string(sizeof(sockaddr_un::sun_path) - 1) + " bytes";
  }
  const auto folder = std::filesystem::path(path).parent_path();
  std::error_code folder_error;
  if (!folder.empty() && !std::filesystem::is_directory(folder, folder_error)) {
    std::filesystem::create_directories(folder, folder_error);
    if (folder_error) return folder.string() + ": " + folder_error.message();
    ::chmod(folder.c_str(), 0755);
  }
  if (auto fault = clear_stale_socket(path, state_->io); !fault.empty()) return fault;
  auto acceptor = std::make_shared<LocalAcceptor>(state_->io);
  error_code error;
  acceptor->open(asio::local::stream_protocol(), error);
  if (!error) acceptor->bind(asio::local::stream_protocol::endpoint(path), error);
  if (error) return path + ": " + error.message();
  state_->socket_files.push_back(path);
  if (::chmod(path.c_str(), 0666) != 0) return path + ": " + std::strerror(errno);
  acceptor->listen(asio::socket_base::max_listen_connections, error);
  if (error) return path + ": " + error.message();
  state_->addresses.push_back("unix:" + path);
  start_listener(state_, std::move(acceptor));
  return "";
}

std::string Server::listen_tcp(const std::string& host, std::uint16_t port) {
  const std::string shown = (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":";
  error_code error;
  asio::ip::tcp::resolver resolver(state_->io);
  const auto found =
      resolver.resolve(host, std::to_string(port), asio::ip::resolver_base::passive, error);
  if (error || found.empty()) return shown + std::to_string(port) + ": " + error.message();
  const asio::ip::tcp::endpoint endpoint = found.begin()->endpoint();
  auto acceptor = std::make_shared<TcpAcceptor>(state_->io);
  acceptor->open(endpoint.protocol(), error);
  if (!error) acceptor->set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor->bind(endpoint, error);
  if (!error) acceptor->listen(asio::socket_base::max_listen_connections, error);
  if (error) return shown + std::to_string(port) + ": " + error.message();
  state_->addresses.push_back((state_->tls ? "https://" : "http://") + shown +
                              std::to_string(acceptor->local_endpoint(error).port()));
  start_listener(state_, std::move(acceptor));
  return "";
}

void Server::set_tls(std::shared_ptr<ServerTls> tls) {
  state_->tls = std::move(tls);
}

std::shared_ptr<ServerTls> Server::tls() const {
  return state_->tls;
}

void Server::set_client_rule(std::function<void(Request&)> rule) {
  state_->client_rule = std::move(rule);
}

void Server::stop() {
  if (state_->stopped) return;
  state_->stopped = true;
  for (const auto& close : state_->close_listeners) close();
  for (const auto& listener : state_->listeners) {
    for (Session* session : listener->sessions) session->close();
  }
  for (const auto& file : state_->socket_files) ::unlink(file.c_str());
  state_->socket_files.clear();
}

std::vector<std::string> Server::addresses() const {
  return state_->addresses;
}
const ServerCounters& Server::counters() const {
  return state_->counters;
}

}  // namespace switchback::web
