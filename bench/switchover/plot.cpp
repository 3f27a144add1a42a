#include "bench/switchover/plot.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace switchback::bench {
namespace {

constexpr double left = 70, right = 830;
constexpr double first_top = 112, first_bottom = 302;
constexpr double second_top = 396, second_bottom = 596;

template <class... Args>
std::string print(const char* format, Args... args) {
  std::array<char, 512> buffer{};
  std::snprintf(buffer.data(), buffer.size(), format, args...);
  return buffer.data();
}

std::string text(double x, double y, const char* anchor, const std::string& words,
                 const char* style = "") {
  return print("<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\"%s>", x, y, anchor, style) +
         xml_escaped(words) + "</text>\n";
}

std::string line(double x1, double y1, double x2, double y2, const char* style) {
  return print("<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"%s\"/>\n", x1, y1, x2,
               y2, style);
}

std::string number(double value) {
  return print(value != 0 && std::abs(value) < 0.01 ? "%.3f" : "%g", value);
}

// A step that gives between three and six marks.
double step_for(double most) {
  double step = std::pow(10, std::floor(std::log10(std::max(most, 1e-9))));
  if (most / step < 2) step /= 5;
  if (most / step < 3) step /= 2;
  if (most / step > 6) step *= 2;
  return step;
}

const char* head_text = R"(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 860 660" role="img"
 font-family="system-ui,sans-serif" font-size="12">
<style>
 svg{background:#fff;color:#1f2328} text{fill:currentColor} .soft{opacity:.72}
 .title{font-size:15px;font-weight:600} .axis{stroke:currentColor} .grid{stroke:currentColor;opacity:.15}
 .mark{stroke:currentColor;stroke-dasharray:4 3;opacity:.75}
 .old{fill:none;stroke:#c2410c;stroke-width:2} .new{fill:none;stroke:#0f766e;stroke-width:2}
 .third{fill:none;stroke:#6d28d9;stroke-width:2;stroke-dasharray:6 3}
 .old-key{fill:#c2410c} .new-key{fill:#0f766e} .third-key{fill:#6d28d9}
 @media (prefers-color-scheme:dark){svg{background:#0d1117;color:#e6edf3}
  .old{stroke:#fb923c} .new{stroke:#2dd4bf} .third{stroke:#c4b5fd}
  .old-key{fill:#fb923c} .new-key{fill:#2dd4bf} .third-key{fill:#c4b5fd}}
</style>
)";

std::string key(double x, double y, const char* style, const std::string& words) {
  return print("<rect x=\"%.1f\" y=\"%.1f\" width=\"14\" height=\"4\" class=\"%s-key\"/>\n", x,
               y - 6, style) +
         text(x + 20, y, "start", words);
}

std::string frame(double top, double bottom) {
  return line(left, bottom, right, bottom, "axis") + line(left, top, left, bottom, "axis");
}

// ---------------------------------------------------------------- answers around a flip

struct Around {
  std::array<double, Timeline::bins> from{}, to{};
  double most = 0;
};

Around means_of(const Timeline& timeline) {
  Around out;
  for (std::size_t i = 0; i < out.from.size(); ++i) {
    const auto& bin = timeline.sums()[i];
    if (bin.flips == 0) continue;
    out.from[i] = static_cast<double>(bin.from) / static_cast<double>(bin.flips);
    out.to[i] = static_cast<double>(bin.to) / static_cast<double>(bin.flips);
    out.most = std::max({out.most, out.from[i], out.to[i]});
  }
  return out;
}

double x_of_ms(double ms) {
  return left + (ms + Timeline::before_ms) / Timeline::bins * (right - left);
}

std::string steps(const std::array<double, Timeline::bins>& values, const Timeline& timeline,
                  double most, const char* style) {
  std::string points;
  for (int i = 0; i < Timeline::bins; ++i) {
    const auto at = static_cast<std::size_t>(i);
    if (timeline.sums()[at].flips == 0) continue;
    const double y = first_bottom - values[at] / most * (first_bottom - first_top);
    points += print("%.1f,%.1f %.1f,%.1f ", x_of_ms(i - Timeline::before_ms), y,
                    x_of_ms(i + 1 - Timeline::before_ms), y);
  }
  return print("<polyline class=\"%s\" points=\"", style) + points + "\"/>\n";
}

std::string around_panel(const Result& result, const Figures& figures) {
  const auto means = means_of(result.timeline);
  const double most = std::max(means.most * 1.1, 1e-6);
  std::string out =
      text(left, first_top - 34, "start", "Answers around a flip", " class=\"title\"");
  out += key(left, first_top - 14, "old", "the color that is left");
  out += key(left + 180, first_top - 14, "new", "the color that is gone to");
  out += frame(first_top, first_bottom);
  const double step = step_for(most);
  for (double value = 0; value <= most; value += step) {
    const double y = first_bottom - value / most * (first_bottom - first_top);
    out += line(left, y, right, y, "grid") + text(left - 8, y + 4, "end", number(value));
  }
  for (int ms = -Timeline::before_ms; ms <= Timeline::after_ms; ms += 5) {
    out += text(x_of_ms(ms), first_bottom + 18, "middle", std::to_string(ms));
  }
  out += line(x_of_ms(0), first_top, x_of_ms(0), first_bottom, "mark");
  out += text(x_of_ms(0) - 5, first_top + 12, "end", "command", " class=\"soft\"");
  const double answer = figures.answer.p50;
  if (answer < Timeline::after_ms) {
    out += line(x_of_ms(answer), first_top, x_of_ms(answer), first_bottom, "mark");
    out += text(x_of_ms(answer) + 5, first_top + 12, "start", "answer (p50)", " class=\"soft\"");
  }
  out += steps(means.from, result.timeline, most, "old");
  out += steps(means.to, result.timeline, most, "new");
  out += text((left + right) / 2, first_bottom + 36, "middle", "ms from the flip's command");
  out += print(
      "<text transform=\"translate(18 %.1f) rotate(-90)\" text-anchor=\"middle\">"
      "answers per ms, mean over the flips</text>\n",
      (first_top + first_bottom) / 2);
  return out;
}

// ---------------------------------------------------------------- distribution of times

struct LogScale {
  int low = -2, high = 1;  // powers of ten, in ms
  double x(double ms) const {
    const double power = std::log10(std::max(ms, std::pow(10, low)));
    return left + (std::min<double>(power, high) - low) / (high - low) * (right - left);
  }
};

LogScale scale_for(const Figures& figures) {
  double least = 1e9, most = 0;
  for (const auto* values : {&figures.answers, &figures.first_news, &figures.draineds}) {
    for (const double value : *values) {
      if (value > 0) least = std::min(least, value);
      most = std::max(most, value);
    }
  }
  LogScale scale;
  if (most <= 0) return scale;
  scale.low = static_cast<int>(std::floor(std::log10(std::max(least, 0.001))));
  scale.high = std::max(scale.low + 1, static_cast<int>(std::ceil(std::log10(most))));
  return scale;
}

// The share of flips that took no longer; at most 400 points, whatever the number of flips.
std::string curve(std::vector<double> values, const LogScale& scale, const char* style) {
  std::sort(values.begin(), values.end());
  std::string points;
  const std::size_t stride = std::max<std::size_t>(1, values.size() / 400);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i % stride != 0 && i + 1 != values.size()) continue;
    const double share = static_cast<double>(i + 1) / static_cast<double>(values.size());
    points += print("%.1f,%.1f ", scale.x(values[i]),
                    second_bottom - share * (second_bottom - second_top));
  }
  return print("<polyline class=\"%s\" points=\"", style) + points + "\"/>\n";
}

std::string distribution_panel(const Figures& figures) {
  const auto scale = scale_for(figures);
  std::string out = text(left, second_top - 34, "start", "How long flips take", " class=\"title\"");
  out += key(left, second_top - 14, "new", "command to answer");
  out += key(left + 180, second_top - 14, "third", "to the first answer of the new color");
  out += key(left + 440, second_top - 14, "old", "to drained");
  out += frame(second_top, second_bottom);
  for (const double share : {0.0, 0.25, 0.5, 0.75, 0.9, 1.0}) {
    const double y = second_bottom - share * (second_bottom - second_top);
    out += line(left, y, right, y, "grid") + text(left - 8, y + 4, "end", number(share * 100));
  }
  for (int power = scale.low; power <= scale.high; ++power) {
    const double ms = std::pow(10, power);
    out += line(scale.x(ms), second_top, scale.x(ms), second_bottom, "grid");
    out += text(scale.x(ms), second_bottom + 18, "middle", number(ms));
    for (const double part : {2.0, 5.0}) {
      if (power == scale.high) continue;
      out += line(scale.x(ms * part), second_top, scale.x(ms * part), second_bottom, "grid");
      out += text(scale.x(ms * part), second_bottom + 18, "middle", number(ms * part),
                  " class=\"soft\"");
    }
  }
  out += curve(figures.draineds, scale, "old");
  out += curve(figures.first_news, scale, "third");
  out += curve(figures.answers, scale, "new");
  out += text((left + right) / 2, second_bottom + 36, "middle",
              "ms from the flip's command (logarithmic)");
  out += print(
      "<text transform=\"translate(18 %.1f) rotate(-90)\" text-anchor=\"middle\">"
      "%% of flips done by then</text>\n",
      (second_top + second_bottom) / 2);
  return out;
}

}  // namespace

std::string xml_escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out.push_back(static_cast<unsigned char>(c) < 0x20 ? ' ' : c);
    }
  }
  return out;
}

std::string render_svg(const Result& result, const Figures& figures) {
  const auto& s = figures.answer;
  const auto title = "switchback bench flip: " + result.facts.subject;
  std::string out = head_text;
  out += "<title>" + xml_escaped(title) + "</title>\n";
  out += text(left, 28, "start", title, " class=\"title\"");
  out += text(left, 46, "start",
              print("%zu %ss at %g requests/s; answer p50 %.3f, p99 %.3f, max %.3f ms; "
                    "%llu failed, %llu stale",
                    s.count, result.facts.kind.c_str(), result.facts.rate, s.p50, s.p99, s.max,
                    static_cast<unsigned long long>(figures.failed),
                    static_cast<unsigned long long>(figures.stale)),
              " class=\"soft\"");
  out += around_panel(result, figures);
  out += distribution_panel(figures);
  return out + "</svg>\n";
}

}  // namespace switchback::bench
