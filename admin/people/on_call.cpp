#include "admin/people/on_call.hpp"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <fstream>

#include "config/dates.hpp"

namespace switchback::people {
namespace {

namespace json = boost::json;

constexpr std::size_t most_bytes = 1024 * 1024;

// False, with `fault`, when there is a value that is no point in time.
bool take_time(const json::object& shift, std::string_view key, std::int64_t& out,
               std::string& fault) {
  const auto* value = shift.if_contains(key);
  if (value == nullptr || value->is_null()) return true;
  if (value->is_string()) {
    const auto parsed = config::parse_instant(std::string_view(value->get_string()));
    if (const auto* instant = std::get_if<config::Instant>(&parsed)) {
      out = instant->wall_us;
      return true;
    }
  }
  fault = "'" + std::string(key) + "' is no point in time such as 2027-01-31T08:00:00Z";
  return false;
}

bool take_shift(const json::value& value, Rota& rota) {
  Shift shift;
  const auto* object = value.if_object();
  const auto* name = object == nullptr ? nullptr : object->if_contains("name");
  if (name == nullptr || !name->is_string() || name->get_string().empty()) {
    rota.fault = "a shift is {\"name\": …, \"until\": …}";
    return false;
  }
  shift.name = std::string(name->get_string());
  if (!take_time(*object, "from", shift.from_us, rota.fault)) return false;
  if (!take_time(*object, "until", shift.until_us, rota.fault)) return false;
  rota.shifts.push_back(std::move(shift));
  return true;
}

}  // namespace

std::vector<std::string> Rota::now(std::int64_t now_us) const {
  std::vector<std::string> names;
  for (const auto& shift : shifts) {
    if (now_us < shift.from_us || (shift.until_us != 0 && now_us >= shift.until_us)) continue;
    if (std::find(names.begin(), names.end(), shift.name) == names.end())
      names.push_back(shift.name);
  }
  return names;
}

Rota parse_rota(std::string_view text) {
  Rota rota;
  boost::system::error_code error;
  const auto value = json::parse(text, error);
  if (error) {
    rota.fault = "it is not JSON: " + error.message();
  } else if (const auto* list = value.if_array()) {
    if (list->size() > Rota::most_shifts) {
      rota.fault = "it has more than " + std::to_string(Rota::most_shifts) + " shifts";
      return rota;
    }
    for (const auto& item : *list) {
      if (!take_shift(item, rota)) break;
    }
  } else {
    take_shift(value, rota);
  }
  if (!rota.fault.empty()) rota.shifts.clear();
  return rota;
}

Rota read_rota(const std::string& path) {
  Rota rota;
  std::ifstream file(path, std::ios::binary);
  std::string text(most_bytes + 1, '\0');
  if (file) file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file && !file.eof()) {
    rota.fault = "it cannot be read";
    return rota;
  }
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > most_bytes) {
    rota.fault = "it is larger than 1 MiB";
    return rota;
  }
  return parse_rota(text);
}

}  // namespace switchback::people
