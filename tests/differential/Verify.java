import java.io.File;
import java.io.FileInputStream;
import java.security.PublicKey;
import java.security.cert.CertificateFactory;
import javax.xml.crypto.dsig.XMLSignatureFactory;
import javax.xml.crypto.dsig.dom.DOMValidateContext;
import javax.xml.parsers.DocumentBuilderFactory;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;

/** The JDK's own verifier: pairs of CERTIFICATE and FILE; prints a line for each, "true" or "false". */
public class Verify {
    public static void main(String[] arguments) throws Exception {
        for (int at = 0; at < arguments.length; at += 2) {
            try (FileInputStream in = new FileInputStream(arguments[at])) {
                PublicKey key = CertificateFactory.getInstance("X.509").generateCertificate(in).getPublicKey();
                System.out.println(verify(key, new File(arguments[at + 1])));
            }
        }
    }

    private static boolean verify(PublicKey key, File file) {
        try {
            DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
            factory.setNamespaceAware(true);
            Document document = factory.newDocumentBuilder().parse(file);
            NodeList all = document.getElementsByTagName("*");
            for (int at = 0; at < all.getLength(); at++) {
                Element element = (Element) all.item(at);
                if (element.hasAttribute("Id")) {
                    element.setIdAttribute("Id", true);
                }
            }
            NodeList found = document.getElementsByTagNameNS("http://www.w3.org/2000/09/xmldsig#", "Signature");
            DOMValidateContext context = new DOMValidateContext(key, found.item(0));
            return XMLSignatureFactory.getInstance("DOM").unmarshalXMLSignature(context).validate(context);
        } catch (Exception refused) {
            return false;
        }
    }
}
