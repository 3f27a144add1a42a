// Signatures of webhooks as Standard Webhooks has them (standardwebhooks.com), so that receivers
// can use a ready library: HMAC-SHA256 over "ID.TIMESTAMP.BODY", base64, behind "v1,".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace switchback::notify {

// `secret`: as it stands in the file; behind "whsec_" it is base64, otherwise taken as it is.
std::string webhook_signature(std::string_view secret, std::string_view id,
                              std::int64_t timestamp_s, std::string_view body);

}  // namespace switchback::notify
