#include "admin/verify/plan.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <set>

#include "config/suggest.hpp"
#include "config/verify_values.hpp"

namespace switchback::verify {
namespace {

constexpr std::size_t max_probes = 64, max_streams = 8, max_hooks = 16, max_patterns = 16;
constexpr std::uint64_t default_timeout_ms = 2000;

std::string escaped_pattern(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("\\^$.|?*+()[]{}").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

// What stands in for releases while a plan is only checked.
const Facts& sample_facts() {
  static const Facts facts{"v1.2", "0123456789abcdef"};
  return facts;
}

class Checker {
 public:
  explicit Checker(std::vector<PlanFault>& faults) : faults_(faults) {}

  void service(const config::Service& service) {
    const std::string here = "services." + service.name + ".";
    if (!service.verify) {
      if (service.bake.mode == config::BakeMode::automatic)
        fault(here + "bake.mode", "bake.mode auto without verify: nothing could tell a regression",
              "add verify.traffic, or leave bake out");
      return;
    }
    plan(*service.verify, here + "verify");
    const bool judged = service.verify->traffic && !service.verify->traffic->streams.empty();
    if (service.bake.mode == config::BakeMode::automatic && !judged)
      fault(here + "bake.mode", "bake.mode auto without verify.traffic.streams",
            "streams tell a regression; add one, for example error: {bad: [5xx, connect_fail]}");
  }

 private:
  void fault(std::string path, std::string message, std::string hint = {}, bool warning = false) {
    faults_.push_back({std::move(path), std::move(message), std::move(hint), warning});
  }
  std::optional<std::string> filled(const std::string& path, const std::string& text,
                                    bool escaped = false) {
    std::string why;
    auto out = fill_in(text, sample_facts(), escaped, why);
    if (!out) fault(path, path + ": " + why, "${release.version} and ${release.commit} are known");
    return out;
  }
  void pattern(const std::string& path, const std::string& text) {
    const auto whole = filled(path, text, true);
    if (!whole) return;
    const auto compiled = compile_pattern(*whole);
    if (const auto* why = std::get_if<std::string>(&compiled))
      fault(path, path + ": the pattern does not compile: " + *why, "Perl syntax");
  }

  void plan(const config::Verify& plan, const std::string& here);
  void probe(const config::Probe& probe, const std::string& here);
  void json(const config::JsonExpectation& rule, const std::string& here);
  void traffic(const config::VerifyTraffic& traffic, const std::string& here);
  void paired(const config::Verify& plan, const std::string& here);
  void hook(const config::Hook& hook, const std::string& here);

  std::vector<PlanFault>& faults_;
};

void Checker::plan(const config::Verify& plan, const std::string& here) {
  if (plan.probes.empty() && !plan.traffic)
    fault(here, here + " checks nothing",
          "add probes, for example [{name: health, get: /healthz}]");
  if (plan.probes.size() > max_probes)
    fault(here + ".probes", here + " has more than 64 probes", "a flip waits for all of them");
  if (plan.hooks.size() > max_hooks) fault(here + ".hooks", here + " has more than 16 hooks", "");
  std::set<std::string> names;
  for (std::size_t i = 0; i < plan.probes.size(); ++i) {
    const std::string path = here + ".probes[" + std::to_string(i) + "]";
    if (!plan.probes[i].name.empty() && !names.insert(plan.probes[i].name).second)
      fault(path + ".name", "two probes are named " + plan.probes[i].name, "results name them");
    probe(plan.probes[i], path);
  }
  if (plan.traffic) traffic(*plan.traffic, here + ".traffic");
  if (plan.paired_probes) paired(plan, here + ".paired_probes");
  for (std::size_t i = 0; i < plan.hooks.size(); ++i)
    hook(plan.hooks[i], here + ".hooks[" + std::to_string(i) + "]");
}

void Checker::probe(const config::Probe& probe, const std::string& here) {
  filled(here + "." + "path", probe.path);
  for (const auto& header : probe.headers) filled(here + ".headers." + header.name, header.value);
  filled(here + ".body", probe.body);
  if (probe.body.size() > max_body_bytes)
    fault(here + ".body", here + ".body is longer than 64 KiB", "");
  const auto& expect = probe.expect;
  for (const auto& header : expect.header)
    pattern(here + ".expect.header." + header.name, header.value);
  if (!expect.body_regex.empty()) pattern(here + ".expect.body_regex", expect.body_regex);
  if (probe.method == "HEAD" && (!expect.body_regex.empty() || !expect.json.empty()))
    fault(here + ".expect", here + " asks with HEAD, whose answer has no body to look at",
          "ask with get");
  for (const auto& rule : expect.json) json(rule, here + ".expect.json");
}

void Checker::json(const config::JsonExpectation& rule, const std::string& here) {
  const std::string path = here + "." + config::in_quotes(rule.path);
  const auto parsed = parse_json_path(rule.path);
  if (const auto* why = std::get_if<std::string>(&parsed))
    fault(path, here + ": " + config::in_quotes(rule.path) + " is not a place: " + *why,
          "for example $.version or $.items[0].id");
  if (rule.equals) filled(path, *rule.equals);
  const bool numeric = rule.min || rule.max;
  if (numeric && rule.type != config::JsonKind::any && rule.type != config::JsonKind::number)
    fault(path, path + ": min and max are for numbers", "leave type out, or write type: number");
  if (rule.min && rule.max && *rule.min > *rule.max) fault(path, path + ": min is above max", "");
}

void Checker::traffic(const config::VerifyTraffic& traffic, const std::string& here) {
  if (traffic.streams.empty())
    fault(here, here + " has no streams",
          "for example streams: {error: {bad: [5xx, connect_fail]}}");
  if (traffic.streams.size() > max_streams)
    fault(here + ".streams", here + " has more than 8 streams", "each makes all slower to decide");
  for (const auto& stream : traffic.streams) {
    const std::string path = here + ".streams." + stream.name;
    if (stream.floor >= stream.tolerate)
      fault(
          path + ".tolerate", path + ": tolerate must be above floor",
          "below floor nothing is an alarm; up to tolerate it is worse, but no reason to go back");
    if (stream.bad.slow && stream.floor < 0.01)
      fault(path + ".floor", path + ": 1 % of the baseline is slower than its p99 already",
            "set floor to 1.5% or more", true);
  }
  const auto& paths = traffic.ignore.paths;
  if (paths.size() > max_patterns)
    fault(here + ".ignore.paths", here + ".ignore.paths has more than 16 patterns", "");
  for (std::size_t i = 0; i < paths.size(); ++i) {
    const std::string path = here + ".ignore.paths[" + std::to_string(i) + "]";
    const auto compiled = compile_pattern(paths[i]);
    if (const auto* why = std::get_if<std::string>(&compiled))
      fault(path, path + ": the pattern does not compile: " + *why, "Perl syntax");
  }
}

void Checker::paired(const config::Verify& plan, const std::string& here) {
  if (plan.probes.empty()) return fault(here, here + " has no probes to send", "add verify.probes");
  std::vector<std::string_view> names;
  for (const auto& probe : plan.probes) names.push_back(probe.name);
  for (std::size_t i = 0; i < plan.paired_probes->use.size(); ++i) {
    const auto& used = plan.paired_probes->use[i];
    if (std::find(names.begin(), names.end(), used) != names.end()) continue;
    const std::string path = here + ".use[" + std::to_string(i) + "]";
    const std::string near = config::nearest_name(used, names);
    fault(path, path + ": there is no probe " + config::in_quotes(used),
          near.empty() ? "known: " + config::one_of(names) : "did you mean " + near + "?");
  }
}

void Checker::hook(const config::Hook& hook, const std::string& here) {
  if (hook.exec.empty() || !hook.exec.front().starts_with('/'))
    fault(here + ".exec", here + ".exec does not begin with the whole path of a program",
          "for example [/opt/recycle-pools.sh]");
  for (const auto& word : hook.exec) filled(here + ".exec", word);
  if (hook.required && hook.on != config::HookMoment::switched)
    fault(here + ".required", here + ": required only has a meaning with on: switched",
          "the others run when the flip has been judged", true);
}

// --- instances -----------------------------------------------------------------------------

// Fills in for one probe, and remembers the first thing that was missing.
struct Filler {
  const Facts& facts;
  std::string missing;
  std::string text(const std::string& from, bool escaped = false) {
    std::string why;
    auto out = fill_in(from, facts, escaped, why);
    if (!out && missing.empty()) missing = why;
    return out.value_or(std::string());
  }
  std::optional<boost::regex> pattern(const std::string& from) {
    auto compiled = compile_pattern(text(from, true));
    if (auto* regex = std::get_if<boost::regex>(&compiled)) return std::move(*regex);
    if (missing.empty()) missing = std::get<std::string>(compiled);
    return {};
  }
};

std::string lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return text;
}

JsonRule json_rule(const config::JsonExpectation& from, Filler& fill) {
  JsonRule rule;
  auto path = parse_json_path(from.path);
  if (auto* good = std::get_if<JsonPath>(&path)) rule.path = std::move(*good);
  if (from.equals) {
    const std::string text = fill.text(*from.equals);
    boost::system::error_code ec;
    // Written plainly, 100, true and null are what JSON takes them for; anything else is text. A
    // release's version is text whatever it looks like.
    const bool plain = from.equals_plain && text == *from.equals;
    auto value = plain ? boost::json::parse(text, ec) : boost::json::value(text);
    const bool scalar = !ec && (value.is_number() || value.is_bool() || value.is_null());
    rule.equals = plain && !scalar ? boost::json::value(text) : std::move(value);
  }
  rule.type = static_cast<JsonType>(from.type);
  rule.min = from.min;
  rule.max = from.max;
  return rule;
}

Expectation expectation(const config::ProbeExpectation& from, Filler& fill) {
  Expectation out;
  if (!from.status.empty()) out.status.clear();
  for (const auto& span : from.status) out.status.push_back({span.first, span.last});
  for (const auto& header : from.header)
    if (auto regex = fill.pattern(header.value)) out.headers.emplace(lower(header.name), *regex);
  if (!from.body_regex.empty()) out.body = fill.pattern(from.body_regex);
  for (const auto& rule : from.json) out.json.push_back(json_rule(rule, fill));
  out.max_us = from.max_ms * std::uint64_t{1000};
  return out;
}

bool is_identity(const config::Probe& probe) {
  return std::any_of(probe.expect.json.begin(), probe.expect.json.end(), [](const auto& rule) {
    return rule.equals && *rule.equals == "${release.version}";
  });
}

}  // namespace

std::vector<PlanFault> plan_faults(const config::Config& config) {
  std::vector<PlanFault> faults;
  Checker checker(faults);
  for (const auto& service : config.services) checker.service(service);
  return faults;
}

std::optional<std::string> fill_in(const std::string& text, const Facts& facts, bool escaped,
                                   std::string& fault) {
  std::string out;
  std::size_t at = 0;
  for (std::size_t open; (open = text.find("${", at)) != std::string::npos;) {
    const auto close = text.find('}', open);
    const std::string name = close == std::string::npos ? text.substr(open + 2, 40)
                                                        : text.substr(open + 2, close - open - 2);
    const bool version = name == "release.version";
    if (close == std::string::npos || (!version && name != "release.commit")) {
      fault = "${" + name + "} is not known";
      return std::nullopt;
    }
    const std::string& value = version ? facts.version : facts.commit;
    if (value.empty()) {
      fault = version ? "nobody has said which release runs here (release: in the pool)"
                      : "nobody has said which commit runs here";
      return std::nullopt;
    }
    out += text.substr(at, open - at) + (escaped ? escaped_pattern(value) : value);
    at = close + 1;
  }
  return out + text.substr(at);
}

std::vector<ProbePlan> instantiate(const config::Verify& plan, const Facts& facts) {
  std::vector<ProbePlan> out;
  for (const auto& probe : plan.probes) {
    Filler fill{facts, {}};
    ProbePlan made;
    made.name = probe.name;
    made.method = probe.method;
    made.path = fill.text(probe.path);
    made.body = fill.text(probe.body);
    bool marked = false;
    for (const auto& header : probe.headers) {
      made.headers.push_back({header.name, fill.text(header.value)});
      marked = marked || lower(header.name) == "x-synthetic";
    }
    if (!marked) made.headers.push_back({"X-Synthetic", "switchback"});
    made.expect = expectation(probe.expect, fill);
    made.every_ms = static_cast<std::uint64_t>(probe.every.count());
    const std::uint64_t bound = probe.expect.max_ms;
    made.timeout_ms = bound == 0 ? default_timeout_ms : std::max<std::uint64_t>(2 * bound, 500);
    made.pass_needed = probe.pass_needed;
    made.pass_of = probe.pass_of;
    made.identity = is_identity(probe);
    made.missing = std::move(fill.missing);
    out.push_back(std::move(made));
  }
  return out;
}

std::string plan_sha(const config::Verify& plan) {
  std::string text;
  const auto add = [&text](const std::vector<std::string>& words) {
    for (const auto& word : words) text += word + "\n";
  };
  for (const auto& probe : plan.probes) add(config::show_value(probe));
  for (const auto& hook : plan.hooks) add(config::show_value(hook));
  if (plan.traffic) add(config::show_streams(&*plan.traffic));
  text += std::to_string(plan.deadline.count());
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), digest, &size, EVP_sha256(), nullptr);
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (unsigned i = 0; i < 8 && i < size; ++i) {
    out += digits[digest[i] >> 4];
    out += digits[digest[i] & 15];
  }
  return out;
}

}  // namespace switchback::verify
