// java Office.java https://node.example.vn:8443 TOKEN AUTHORITY.pem [LETTER.edxml]
// Hands a letter in, then fetches and confirms what lies ready.
import java.io.InputStream;
import java.net.URI;
import java.net.http.*;
import java.net.http.HttpRequest.*;
import java.nio.channels.FileChannel;
import java.nio.file.*;
import java.security.*;
import java.security.cert.*;
import java.util.*;
import java.util.regex.*;
import javax.net.ssl.*;

class Office {
  static String node, token;
  static HttpClient http;

  public static void main(String[] arguments) throws Exception {
    node = arguments[0];
    token = arguments[1];
    http = HttpClient.newBuilder().sslContext(trusting(Path.of(arguments[2]))).build();
    if (arguments.length > 3) {
      var letter = Path.of(arguments[3]);
      var digest = MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(letter)); // its name: again does no harm
      call("PUT", "/v1/envelopes/" + HexFormat.of().formatHex(digest), BodyPublishers.ofFile(letter));
      System.out.println("accepted " + letter);
    }
    var page = new String(call("GET", "/v1/inbox?wait=10", BodyPublishers.noBody())); // go on with its cursor, for ever
    var names = Pattern.compile("\"letter\": ?\"([0-9a-f]{64}\\.[A-Z0-9.]+)\"").matcher(page); // or any JSON library
    while (names.find()) {
      var name = names.group(1);
      var partial = Path.of(name + ".partial");
      Files.write(partial, call("GET", "/v1/inbox/" + name, BodyPublishers.noBody()));
      try (var file = FileChannel.open(partial, StandardOpenOption.WRITE)) {
        file.force(true); // durable before it is confirmed
      }
      Files.move(partial, Path.of(name + ".edxml"), StandardCopyOption.ATOMIC_MOVE);
      call("POST", "/v1/inbox/" + name + "/confirm", BodyPublishers.noBody());
      System.out.println("taken over " + name);
    }
  }

  static byte[] call(String method, String path, BodyPublisher body) throws Exception {
    while (true) {
      var request = HttpRequest.newBuilder(URI.create(node + path)).method(method, body)
          .header("Authorization", "Bearer " + token).header("Accept-Language", "vi")
          .header("Content-Type", "application/xml").build();
      var answer = http.send(request, HttpResponse.BodyHandlers.ofByteArray());
      if (answer.statusCode() < 300) return answer.body();
      if (answer.statusCode() != 503 && answer.statusCode() != 429) throw new IllegalStateException(new String(answer.body()));
      Thread.sleep(1000 * Long.parseLong(answer.headers().firstValue("retry-after").orElse("5")));
    }
  }

  static SSLContext trusting(Path authority) throws Exception {
    var store = KeyStore.getInstance(KeyStore.getDefaultType());
    store.load(null);
    try (InputStream file = Files.newInputStream(authority)) {
      for (var one : CertificateFactory.getInstance("X.509").generateCertificates(file)) {
        store.setCertificateEntry("authority" + store.size(), one);
      }
    }
    var trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trust.init(store);
    var context = SSLContext.getInstance("TLS");
    context.init(null, trust.getTrustManagers(), null);
    return context;
  }
}
