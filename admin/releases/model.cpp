#include "admin/releases/model.hpp"

namespace switchback::releases {

std::string Fitness::why_not() const {
  if (servers == 0) return "it has no server that takes requests";
  if (healthy == 0) return "no server of it is healthy";
  if (verification && !verification->ok) return verification->text;
  return "";
}

}  // namespace switchback::releases
