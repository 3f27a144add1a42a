# The application of these tests for puma (Rack).
require 'digest'

COLOR = ENV.fetch('COLOR')

def pattern(count)
  ('0123456789abcdef' * (count / 16 + 1))[0, count]
end

class Pieces
  def initialize(body)
    @body = body
  end

  def each
    (0...@body.bytesize).step(10_000) { |at| yield @body.byteslice(at, 10_000) }
  end
end

def answer(env)
  query = env['QUERY_STRING'].split('&').to_h { |pair| pair.split('=', 2) }
  count = query.fetch('n', '0').to_i
  case env['PATH_INFO']
  when '/bytes' then [200, {}, pattern(count)]
  when '/echo'
    got = env['rack.input'].read
    [200, {}, "bytes=#{got.bytesize} sha256=#{Digest::SHA256.hexdigest(got)}"]
  when '/status'
    code = query['code'].to_i
    more = code == 302 ? { 'location' => "http://#{env['HTTP_HOST']}/elsewhere" } : {}
    [code, more, [204, 302].include?(code) ? '' : "status #{code}"]
  when '/cookies' then [200, { 'set-cookie' => COOKIES }, 'two']
  when '/fields'
    said = env.select { |name, _| name.start_with?('HTTP_') }
              .map { |name, value| "#{name[5..].downcase.tr('_', '-')}=#{value}\n" }.join
    [200, {}, said + "scheme=#{env['rack.url_scheme']}\n"]
  else [404, {}, 'nothing here']
  end
end

# Rack 2 takes lines in one text, Rack 3 a list.
two = ['a=1; path=/', 'b=2; expires=Thu, 01 Jan 2099 00:00:00 GMT']
COOKIES = defined?(Rack) && Rack.release.to_i >= 3 ? two : two.join("\n")

run(lambda do |env|
  if env['PATH_INFO'] == '/stream'
    count = env['QUERY_STRING'][/n=(\d+)/, 1].to_i
    next [200, { 'x-color' => COLOR, 'content-type' => 'text/plain' }, Pieces.new(pattern(count))]
  end
  status, more, body = answer(env)
  fields = { 'x-color' => COLOR }.merge(more)
  unless status == 204
    fields['content-type'] = 'text/plain'
    fields['content-length'] = body.bytesize.to_s
  end
  [status, fields, env['REQUEST_METHOD'] == 'HEAD' || body.empty? ? [] : [body]]
end)
