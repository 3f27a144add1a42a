// Asio and Beast compiled once (BOOST_ASIO_SEPARATE_COMPILATION): every other file sees
// declarations only, which keeps builds short.
#include <boost/asio/impl/src.hpp>
#include <boost/asio/ssl/impl/src.hpp>
#include <boost/beast/src.hpp>
