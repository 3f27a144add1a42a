// The application of these tests on Node's own http server: node http.js PORT
'use strict';
const http = require('http');
const crypto = require('crypto');

const pattern = (count) => Buffer.alloc(count, '0123456789abcdef');

function lengthAndSum(request, then) {
  const sum = crypto.createHash('sha256');
  let count = 0;
  request.on('data', (piece) => { count += piece.length; sum.update(piece); });
  request.on('end', () => then(`bytes=${count} sha256=${sum.digest('hex')}`));
}

function finish(request, response, status, body) {
  if (status !== 204) response.setHeader('Content-Length', Buffer.byteLength(body));
  response.writeHead(status);
  response.end(request.method === 'HEAD' || status === 204 ? undefined : body);
}

function stream(response, count) {
  const body = pattern(count);
  response.writeHead(200);
  for (let at = 0; at < count; at += 10000) response.write(body.subarray(at, at + 10000));
  response.end();
}

function application(request, response) {
  const url = new URL(request.url, 'http://x');
  const count = Number(url.searchParams.get('n') || 0);
  response.setHeader('X-Color', process.env.COLOR);
  response.setHeader('Content-Type', 'text/plain');
  switch (url.pathname) {
    case '/bytes': return finish(request, response, 200, pattern(count));
    case '/stream': return stream(response, count);
    case '/echo': return lengthAndSum(request, (said) => finish(request, response, 200, said));
    case '/status': {
      const code = Number(url.searchParams.get('code'));
      if (code === 302) response.setHeader('Location', `http://${request.headers.host}/elsewhere`);
      return finish(request, response, code, code === 302 ? '' : `status ${code}`);
    }
    case '/cookies':
      response.setHeader('Set-Cookie',
        ['a=1; Path=/', 'b=2; Expires=Thu, 01 Jan 2099 00:00:00 GMT']);
      return finish(request, response, 200, 'two');
    case '/fields':
      return finish(request, response, 200,
        Object.entries(request.headers).map(([name, value]) => `${name}=${value}\n`).join(''));
    default: return finish(request, response, 404, 'nothing here');
  }
}

module.exports = { application };
if (require.main === module) {
  http.createServer(application).listen(Number(process.argv[2]), '127.0.0.1');
}
