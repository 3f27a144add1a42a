<%@ page contentType="text/plain;charset=ISO-8859-1" session="false" trimDirectiveWhitespaces="true"
    import="java.security.MessageDigest,java.util.*" %><%!
  // The application of these tests for Tomcat: one page for all paths.
  static byte[] pattern(int count) {
    byte[] unit = "0123456789abcdef".getBytes();
    byte[] all = new byte[count];
    for (int i = 0; i < count; ++i) all[i] = unit[i % 16];
    return all;
  }
  static String lengthAndSum(java.io.InputStream in) throws Exception {
    MessageDigest sum = MessageDigest.getInstance("SHA-256");
    byte[] piece = new byte[8192];
    long count = 0;
    for (int n = in.read(piece); n >= 0; n = in.read(piece)) {
      sum.update(piece, 0, n);
      count += n;
    }
    StringBuilder hex = new StringBuilder();
    for (byte b : sum.digest()) hex.append(String.format("%02x", b));
    return "bytes=" + count + " sha256=" + hex;
  }
%><%
  String path = request.getRequestURI();
  int count = request.getParameter("n") == null ? 0 : Integer.parseInt(request.getParameter("n"));
  response.setHeader("X-Color", System.getenv("COLOR"));
  String text = null;
  byte[] body = null;
  if (path.equals("/bytes") || path.equals("/stream")) {
    body = pattern(count);
  } else if (path.equals("/echo")) {
    text = lengthAndSum(request.getInputStream());
  } else if (path.equals("/status")) {
    int code = Integer.parseInt(request.getParameter("code"));
    response.setStatus(code);
    text = code == 204 || code == 302 ? "" : "status " + code;
    String elsewhere = "http://" + request.getHeader("Host") + "/elsewhere";
    if (code == 302) response.setHeader("Location", elsewhere);
  } else if (path.equals("/cookies")) {
    response.addHeader("Set-Cookie", "a=1; Path=/");
    response.addHeader("Set-Cookie", "b=2; Expires=Thu, 01 Jan 2099 00:00:00 GMT");
    text = "two";
  } else if (path.equals("/fields")) {
    StringBuilder lines = new StringBuilder();
    for (String name : Collections.list(request.getHeaderNames())) {
      lines.append(name.toLowerCase()).append('=').append(request.getHeader(name)).append('\n');
    }
    text = lines + "scheme=" + request.getScheme() + "\n";
  } else {
    response.setStatus(404);
    text = "nothing here";
  }
  if (body == null) body = text.getBytes("ISO-8859-1");
  boolean sized = !path.equals("/stream") && response.getStatus() != 204;
  if (sized) response.setContentLength(body.length);
  if (!request.getMethod().equals("HEAD") || path.equals("/stream")) {
    for (int at = 0; at < body.length; at += 10000) {
      out.write(new String(body, at, Math.min(10000, body.length - at), "ISO-8859-1"));
      if (path.equals("/stream")) out.flush();
    }
  }
%>
