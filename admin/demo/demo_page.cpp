#include <string>

#include "admin/demo/demo_app.hpp"

namespace switchback::demo {
namespace {

// Everything is in the page: the demo must work on a machine that reaches nothing else.
constexpr const char* page_text = R"html(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>shop %RELEASE%</title>
<meta name="viewport" content="width=device-width,initial-scale=1">
<style>
 body{margin:0;min-height:100vh;display:flex;flex-direction:column;align-items:center;justify-content:center;
      font:18px/1.5 system-ui,sans-serif;color:#fff;transition:background .15s;background:#444}
 body.blue{background:#1d4ed8} body.green{background:#15803d} body.down{background:#7f1d1d}
 h1{font-size:12vmin;margin:0;letter-spacing:.05em} p{margin:.3em}
 #trail{display:flex;gap:3px;margin-top:2em} #trail i{width:8px;height:32px;border:1px solid #fff8}
 #trail .blue{background:#93c5fd} #trail .green{background:#86efac} #trail .down{background:#fca5a5}
</style></head>
<body class="%COLOR%">
<h1 id="who">%COLOR%</h1><p>release <b id="release">%RELEASE%</b></p>
<p id="count">asking four times a second</p><div id="trail" aria-hidden="true"></div>
<noscript><p>Reload the page to ask again.</p></noscript>
<script>
let asked=0,failed=0;
async function ask(){
  let color='down',release='no answer';
  try{const a=await fetch('/version',{cache:'no-store'});
      if(!a.ok)throw 0;const v=await a.json();color=v.color;release=v.version}catch(e){failed++}
  asked++;
  document.body.className=color;
  document.getElementById('who').textContent=color;
  document.getElementById('release').textContent=release;
  document.getElementById('count').textContent=asked+' requests, '+failed+' failed';
  const t=document.getElementById('trail'),i=document.createElement('i');i.className=color;t.append(i);
  if(t.children.length>60)t.firstChild.remove();
  setTimeout(ask,250);
}
ask();
</script></body></html>
)html";

void replace_all(std::string& text, const std::string& what, const std::string& with) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
}

}  // namespace

std::string demo_page(const std::string& color, const std::string& release) {
  std::string page = page_text;
  replace_all(page, "%COLOR%", color);
  replace_all(page, "%RELEASE%", release);
  return page;
}

}  // namespace switchback::demo
