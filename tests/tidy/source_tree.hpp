// The source tree as text: which files are ours, and what is left of a C++ file when comments and
// literals are taken out (so that a brace in a string is no brace and a word in a comment no call).
#pragma once

#include <string>
#include <vector>

namespace switchback::tidy {

struct File {
  std::string path;  // from the top of the tree, with '/'
  std::string text;
  std::size_t lines = 0;

  bool in(const std::string& folder) const { return path.rfind(folder + "/", 0) == 0; }
  bool cpp() const;  // C++ source or header
  bool header() const;
  bool script() const;  // shell or Python
};

// Every text file of ours under `root`: sources, scripts, CMake, documents, configuration, vectors.
// Build folders, hidden folders other than .ci, and anything binary are left out.
std::vector<File> read_tree(const std::string& root);
File make_file(std::string path, std::string text);

// Comments become spaces, the insides of string and character literals become spaces, preprocessor
// lines go (with the #else branches: braces in two branches would count twice). Line ends stay.
std::string code_only(const std::string& text);
// Only comments become spaces.
std::string without_comments(const std::string& text);

// The targets of #include lines, as written between the marks; `angled` says which marks.
struct Include {
  std::size_t line = 0;
  std::string target;
  bool angled = false;
};
std::vector<Include> includes_of(const File& file);

std::vector<std::string> lines_of(const std::string& text);

}  // namespace switchback::tidy
