#include "admin/cli/session.hpp"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "admin/cli/exit_codes.hpp"
#include "admin/cli/json_view.hpp"
#include "proxy/base/clock.hpp"

namespace switchback::cli {
namespace {

std::string trimmed(std::string text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; };
  while (!text.empty() && blank(text.back())) text.pop_back();
  std::size_t begin = 0;
  while (begin < text.size() && blank(text[begin])) ++begin;
  return text.substr(begin);
}

std::string read_token(const Globals& globals) {
  if (globals.token_file.empty()) {
    const char* token = std::getenv("SWITCHBACK_TOKEN");
    return token ? trimmed(token) : "";
  }
  std::ifstream file(globals.token_file);
  std::string line;
  if (!file || !std::getline(file, line)) {
    throw CommandFailed{
        exit_usage,
        "switchback: --token-file " + globals.token_file + ": cannot be read, or is empty\n", ""};
  }
  return trimmed(line);
}

}  // namespace

std::string service_path(const std::string& name) {
  return "/v1/services/" + web::percent_encode(name);
}

std::int64_t now_wall_ms() {
  return wall_us() / 1000;
}

Session::Session(const Globals& globals)
    : globals_(globals), style_(style_for(globals)), token_(read_token(globals)) {
  connect_to(globals_.admin);
}

void Session::connect_to(const std::string& admin) {
  std::string error;
  auto target = web::parse_client_target(admin, error);
  if (!target)
    throw CommandFailed{exit_usage, "switchback: --admin " + admin + ": " + error + "\n", ""};
  std::shared_ptr<boost::asio::ssl::context> tls;
  if (target->tls) {
    tls = web::make_client_tls({globals_.ca_file, globals_.cert_file, globals_.key_file}, error);
    if (!tls) throw CommandFailed{exit_usage, "switchback: " + error + "\n", ""};
  }
  client_ = std::make_unique<web::Client>(*target, std::move(tls));
}

web::ClientRequest Session::request(const std::string& method, const std::string& target) const {
  web::ClientRequest out;
  out.method = method;
  out.target = target;
  if (!token_.empty()) out.fields.emplace_back("Authorization", "Bearer " + token_);
  return out;
}

// SWITCHBACK_ADMIN may name the TCP address of the instance on this machine; when that does not
// answer, its unix socket may. An explicit --admin is taken at its word: falling back from it could
// reach another instance than the one that was meant.
bool Session::may_fall_back() const {
  const auto& target = client_->target();
  const bool loopback =
      target.host == "127.0.0.1" || target.host == "::1" || target.host == "localhost";
  return !globals_.admin_given && !target.is_unix() && loopback &&
         ::access(default_admin, F_OK) == 0;
}

web::ClientAnswer Session::call(const std::string& method, const std::string& target,
                                const std::string& body, web::Fields fields,
                                std::chrono::milliseconds deadline) {
  auto out = request(method, target);
  out.body = body;
  if (!body.empty()) out.fields.emplace_back("Content-Type", "application/json");
  for (auto& field : fields) out.fields.push_back(std::move(field));
  auto answer = client_->call(out, deadline);
  if (answer.failure == web::Failure::never_reached && may_fall_back()) {
    std::fprintf(stderr, "switchback: %s does not answer (%s); trying %s\n",
                 client_->target().text.c_str(), answer.error.c_str(), default_admin);
    connect_to(default_admin);
    answer = client_->call(out, deadline);
  }
  return answer;
}

web::ClientAnswer Session::events(const std::string& last_id,
                                  const std::function<bool(const web::ServerSentEvent&)>& on_event,
                                  const std::function<bool()>& on_tick) {
  auto out = request("GET", "/v1/events");
  out.fields.emplace_back("Accept", "text/event-stream");
  if (!last_id.empty()) out.fields.emplace_back("Last-Event-ID", last_id);
  // The server sends a comment every 10 s; three missed ones mean that it is gone.
  return client_->events(out, std::chrono::seconds(5), std::chrono::seconds(30), on_event, on_tick);
}

void Session::fail_unreachable(const std::string& error) const {
  const auto& where = client_->target().text;
  json::object problem{{"type", "about:blank"},
                       {"title", "the admin plane was never reached"},
                       {"detail", where + ": " + error},
                       {"code", "unreachable"},
                       {"moved", false},
                       {"exit_code", exit_unreachable}};
  std::string text = "switchback: cannot reach the admin plane at " + where + ": " + error +
                     "\n  Nothing was asked of it, so traffic did not move.\n";
  if (!globals_.admin_given) {
    text +=
        "  Is it elsewhere? Name it with --admin PATH or --admin http://HOST:PORT "
        "(or SWITCHBACK_ADMIN).\n";
  }
  throw CommandFailed{exit_unreachable, text, json::serialize(problem)};
}

void Session::fail(const web::ClientAnswer& answer, std::string_view stays) const {
  if (answer.failure != web::Failure::none) fail_unreachable(answer.error);
  auto problem = parse_object(answer.body);
  if (problem.empty()) {
    problem = {{"title", "the answer was no JSON (HTTP " + std::to_string(answer.status) +
                             "); is this a switchback admin address?"},
               {"moved", false}};
  }
  const int code = exit_code_of_problem(answer.status, problem);
  throw CommandFailed{code, render_problem(problem, style_, stays), json::serialize(problem)};
}

json::object Session::get(const std::string& target) {
  const auto answer = call("GET", target);
  if (answer.failure != web::Failure::none || answer.status != 200) fail(answer);
  auto object = parse_object(answer.body);
  if (object.empty()) fail(answer);
  return object;
}

json::array Session::services() {
  return array_of(get("/v1/services"), "services");
}

json::object Session::service(const std::string& name) {
  if (!name.empty()) return get(service_path(name));
  const auto all = services();
  if (all.size() == 1 && all.front().is_object()) return all.front().get_object();
  std::string names;
  for (const auto& value : all) {
    if (value.is_object()) names += " " + text_of(value.get_object(), "service");
  }
  throw CommandFailed{exit_usage,
                      all.empty() ? std::string("switchback: there is no service\n")
                                  : "switchback: which service?" + names + "\n",
                      ""};
}

}  // namespace switchback::cli
