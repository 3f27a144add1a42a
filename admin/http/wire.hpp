// A connection of the admin plane, plain or under TLS, as one type: HTTP above it does not care.
//
// Time limits are those of the plain stream below: a TLS record that never ends is cut like a head
// that never ends. Threads: those of its executor.
#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <memory>
#include <utility>

namespace switchback::web {

class Wire {
 public:
  using Plain = boost::beast::basic_stream<boost::asio::generic::stream_protocol>;
  using Tls = boost::asio::ssl::stream<Plain&>;
  using executor_type = Plain::executor_type;
  using Error = boost::system::error_code;

  template <class... Arguments>
  explicit Wire(Arguments&&... arguments) : plain_(std::forward<Arguments>(arguments)...) {}
  Wire(const Wire&) = delete;

  // From now on bytes go through TLS; the handshake comes next.
  Tls& secure(boost::asio::ssl::context& context) {
    tls_ = std::make_unique<Tls>(plain_, context);
    return *tls_;
  }
  Tls* tls() { return tls_.get(); }
  Plain& plain() { return plain_; }

  executor_type get_executor() { return plain_.get_executor(); }
  auto& socket() { return plain_.socket(); }
  template <class Limit>
  void expires_after(Limit limit) {
    plain_.expires_after(limit);
  }
  template <class Time>
  void expires_at(Time time) {
    plain_.expires_at(time);
  }
  void expires_never() { plain_.expires_never(); }
  void cancel() { plain_.cancel(); }

  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return boost::asio::async_initiate<Token, void(Error, std::size_t)>(
        [this](auto handler, Buffers into) {
          if (tls_) {
            tls_->async_read_some(into, std::move(handler));
          } else {
            plain_.async_read_some(into, std::move(handler));
          }
        },
        token, buffers);
  }
  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return boost::asio::async_initiate<Token, void(Error, std::size_t)>(
        [this](auto handler, Buffers from) {
          if (tls_) {
            tls_->async_write_some(from, std::move(handler));
          } else {
            plain_.async_write_some(from, std::move(handler));
          }
        },
        token, buffers);
  }

 private:
  Plain plain_;
  std::unique_ptr<Tls> tls_;
};

}  // namespace switchback::web
