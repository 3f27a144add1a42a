<?php
// The application of these tests for PHP: its own server, and php-fpm behind nginx.
$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
$count = (int) ($_GET['n'] ?? 0);
$body = substr(str_repeat('0123456789abcdef', intdiv($count, 16) + 1), 0, $count);
header('X-Color: ' . getenv('COLOR'));
header('Content-Type: text/plain');

switch ($path) {
    case '/bytes':
        break;
    case '/stream':
        foreach (str_split($body, 10000) as $piece) {
            echo $piece;
            flush();
        }
        return;
    case '/echo':
        $got = file_get_contents('php://input');
        $body = 'bytes=' . strlen($got) . ' sha256=' . hash('sha256', $got);
        break;
    case '/status':
        $code = (int) $_GET['code'];
        http_response_code($code);
        $body = in_array($code, [204, 302]) ? '' : "status $code";
        if ($code === 302) {
            header('Location: http://' . $_SERVER['HTTP_HOST'] . '/elsewhere', true, 302);
        }
        break;
    case '/cookies':
        header('Set-Cookie: a=1; Path=/', false);
        header('Set-Cookie: b=2; Expires=Thu, 01 Jan 2099 00:00:00 GMT', false);
        $body = 'two';
        break;
    case '/fields':
        $body = '';
        foreach ($_SERVER as $name => $value) {
            if (strncmp($name, 'HTTP_', 5) === 0) {
                $body .= strtolower(strtr(substr($name, 5), '_', '-')) . "=$value\n";
            }
        }
        break;
    default:
        http_response_code(404);
        $body = 'nothing here';
}
if (http_response_code() !== 204) {
    header('Content-Length: ' . strlen($body));
}
echo $body;
