// java Receiver.java whpk_… 8080
import com.sun.net.httpserver.HttpServer;
import java.io.ByteArrayOutputStream;
import java.net.InetSocketAddress;
import java.security.*;
import java.security.spec.X509EncodedKeySpec;
import java.util.*;

class Receiver {
  public static void main(String[] arguments) throws Exception {
    var der = new ByteArrayOutputStream(); // SubjectPublicKeyInfo: a fixed beginning, and the key
    der.write(HexFormat.of().parseHex("302a300506032b6570032100"));
    der.write(Base64.getDecoder().decode(arguments[0].substring("whpk_".length())));
    var key = KeyFactory.getInstance("Ed25519").generatePublic(new X509EncodedKeySpec(der.toByteArray()));
    var server = HttpServer.create(new InetSocketAddress("127.0.0.1", Integer.parseInt(arguments[1])), 0);
    server.createContext("/", call -> {
      var headers = call.getRequestHeaders();
      var at = headers.getFirst("webhook-timestamp");
      var signed = new ByteArrayOutputStream();
      signed.writeBytes((headers.getFirst("webhook-id") + "." + at + ".").getBytes());
      signed.writeBytes(call.getRequestBody().readAllBytes());
      var genuine = Math.abs(System.currentTimeMillis() / 1000 - Long.parseLong(at)) < 300
          && Arrays.stream(headers.getFirst("webhook-signature").split(" ")).anyMatch(one -> verifies(one, signed.toByteArray(), key));
      call.sendResponseHeaders(genuine ? 204 : 401, -1); // then fetch the inbox, in the background
      call.close();
    });
    server.start();
  }

  static boolean verifies(String one, byte[] signed, PublicKey key) {
    try {
      var signature = Signature.getInstance("Ed25519");
      signature.initVerify(key);
      signature.update(signed);
      return one.startsWith("v1a,") && signature.verify(Base64.getDecoder().decode(one.substring(4)));
    } catch (GeneralSecurityException | IllegalArgumentException unreadable) {
      return false;
    }
  }
}
