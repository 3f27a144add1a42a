#include "proxy/downstream/handshake_queue.hpp"

#include "proxy/downstream/session.hpp"

namespace switchback::downstream {

void HandshakeQueue::add(Session& session, bool begun) {
  if (!session.deferred()) (begun ? begun_ : fresh_).append(session);
  reactor_.defer(*this);
}

Session* HandshakeQueue::next() {
  net::DeferredLink& from = begun_.next_link != &begun_ ? begun_ : fresh_;
  if (from.next_link == &from) return nullptr;
  net::DeferredLink* first = from.next_link;
  first->unlink();
  return static_cast<Session*>(static_cast<net::Deferred*>(first));
}

void HandshakeQueue::on_deferred() {
  const Nanos until_ns = monotonic_ns() + budget_ns;
  for (int step = 0; step < steps_per_turn; ++step) {
    Session* session = next();
    if (!session) return;
    session->handshake_step();
    if (monotonic_ns() >= until_ns) break;
  }
  if (empty()) return;
  if (waits_) waits_->add();
  reactor_.defer(*this);
}

}  // namespace switchback::downstream
