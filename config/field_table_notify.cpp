// The rows of `notify` (see field_table.cpp).
#include "config/field_table_notify.hpp"

#include "config/notify_values.hpp"
// Rows are templates over the readers above.
#include "config/field_rows.hpp"

namespace switchback::config {

Field notify_field() {
  return member<&Config::notify>("", "notify",
                                 "Who is told of what happens: webhooks and programs, each with a "
                                 "queue and a thread of its own.")
      .of_type("list of targets")
      .holds("notify")
      .or_else("nobody");
}

std::vector<Field> notify_fields() {
  static const std::string kinds = one_of(choice_names<NotifyKind>());
  return {
      member<&NotifyTarget::name>("notify", "name", "How commands, metrics and alarms call it.")
          .like(token_name_rule)
          .required(),
      member<&NotifyTarget::webhook>("notify", "webhook",
                                     "Where messages are posted to; either this, webhook_file or "
                                     "exec. Certificates are verified.")
          .like(webhook_rule)
          .or_else("none"),
      path<&NotifyTarget::webhook_file>("notify", "webhook_file",
                                        "A file whose first line is the address, for those that "
                                        "are secret themselves (Slack).")
          .or_else("none"),
      member<&NotifyTarget::exec>("notify", "exec",
                                  "A program with its whole path, and its arguments; the message "
                                  "is on its stdin.")
          .of_type("list of texts")
          .allows("/path/to/program, then anything")
          .or_else("none"),
      choice<&NotifyTarget::format>(
          "notify", "format",
          "slack is {\"text\": …}, for people (Mattermost and Rocket.Chat "
          "too); json is the whole event, for programs."),
      member<&NotifyTarget::on>("notify", "on", "What it is told of.")
          .of_type("list of words")
          .allows(kinds)
          .or_else("nothing"),
      member<&NotifyTarget::services>("notify", "services",
                                      "Of which services; what concerns none of them alone (the "
                                      "disk, the ledger) is always told.")
          .of_type("list of names")
          .like(service_name_rule)
          .or_else("all"),
      member<&NotifyTarget::resolved>("notify", "resolved",
                                      "Whether the end of an alarm, of a gap, of a server's "
                                      "trouble is told too."),
      path<&NotifyTarget::ca>("notify", "ca", "PEM file that the server's certificate leads to.")
          .or_else("the system's certificate store"),
      path<&NotifyTarget::headers_file>("notify", "headers_file",
                                        "A file of header fields, one `Name: value` a line, such "
                                        "as Authorization. Read for each message.")
          .or_else("none"),
      path<&NotifyTarget::secret_file>("notify", "secret_file",
                                       "A file with the secret that messages are signed with "
                                       "(webhook-signature). Read for each message.")
          .or_else("messages are not signed"),
      member<&NotifyTarget::timeout>("notify", "timeout",
                                     "Of one attempt, looking the name up included.")
          .range(100, 60'000),
      member<&NotifyTarget::retries>("notify", "retries",
                                     "Attempts after the first, 1 s later, then 2 s, 4 s and so "
                                     "on up to 60 s, or when the server says (Retry-After).")
          .range(0, 20),
      member<&NotifyTarget::repeat>("notify", "repeat",
                                    "What still stands is told again after this; 0 is never.")
          .range(0, std::int64_t{7} * 24 * 3'600'000),
      member<&NotifyTarget::per_minute>("notify", "per_minute",
                                        "Messages a minute; more wait in the queue.")
          .range(1, 6000),
      member<&NotifyTarget::queue>("notify", "queue",
                                   "Messages that wait; when there are more, the oldest is left "
                                   "out, and the next one says so.")
          .range(1, 10'000),
  };
}

}  // namespace switchback::config
