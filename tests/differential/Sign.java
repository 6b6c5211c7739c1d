import java.io.File;
import java.io.FileInputStream;
import java.nio.file.Files;
import java.security.PrivateKey;
import java.security.KeyFactory;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import javax.xml.crypto.dsig.CanonicalizationMethod;
import javax.xml.crypto.dsig.Reference;
import javax.xml.crypto.dsig.SignedInfo;
import javax.xml.crypto.dsig.Transform;
import javax.xml.crypto.dsig.XMLSignatureFactory;
import javax.xml.crypto.dsig.dom.DOMSignContext;
import javax.xml.crypto.dsig.keyinfo.KeyInfo;
import javax.xml.crypto.dsig.keyinfo.KeyInfoFactory;
import javax.xml.crypto.dsig.spec.C14NMethodParameterSpec;
import javax.xml.crypto.dsig.spec.TransformParameterSpec;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.transform.TransformerFactory;
import javax.xml.transform.dom.DOMSource;
import javax.xml.transform.stream.StreamResult;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;

/**
 * The JDK's own signer, as the documentation of javax.xml.crypto.dsig shows it. Eight arguments for each message: KEY
 * (PKCS #8), CHAIN, METHOD, CANONICAL form, DIGEST, PREFIX ("-" for none), IN and OUT. Signed are the elements with an
 * Id, or the whole where there is none.
 */
public class Sign {
    private static final XMLSignatureFactory FACTORY = XMLSignatureFactory.getInstance("DOM");

    public static void main(String[] arguments) throws Exception {
        for (int at = 0; at < arguments.length; at += 8) {
            CertificateFactory certificates = CertificateFactory.getInstance("X.509");
            Collection<? extends Certificate> chain;
            try (FileInputStream in = new FileInputStream(arguments[at + 1])) {
                chain = certificates.generateCertificates(in);
            }
            String algorithm = chain.iterator().next().getPublicKey().getAlgorithm();
            byte[] encoded = Files.readAllBytes(new File(arguments[at]).toPath());
            PrivateKey key = KeyFactory.getInstance(algorithm).generatePrivate(new PKCS8EncodedKeySpec(encoded));
            DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
            factory.setNamespaceAware(true);
            Document document = factory.newDocumentBuilder().parse(new File(arguments[at + 6]));
            sign(document, key, chain, arguments[at + 2], arguments[at + 3], arguments[at + 4], arguments[at + 5]);
            TransformerFactory.newInstance().newTransformer()
                .transform(new DOMSource(document), new StreamResult(new File(arguments[at + 7])));
        }
    }

    private static void sign(Document document, PrivateKey key, Collection<? extends Certificate> chain, String method,
            String canonical, String digest, String prefix) throws Exception {
        CanonicalizationMethod form = FACTORY.newCanonicalizationMethod(canonical, (C14NMethodParameterSpec) null);
        Transform content = FACTORY.newTransform(canonical, (TransformParameterSpec) null);
        Transform enveloped = FACTORY.newTransform(Transform.ENVELOPED, (TransformParameterSpec) null);
        List<Reference> references = new ArrayList<>();
        for (String id : ids(document)) {
            references.add(FACTORY.newReference(
                "#" + id, FACTORY.newDigestMethod(digest, null), List.of(content), null, null));
        }
        if (references.isEmpty()) {
            references.add(FACTORY.newReference(
                "", FACTORY.newDigestMethod(digest, null), List.of(enveloped, content), null, null));
        }
        SignedInfo info = FACTORY.newSignedInfo(form, FACTORY.newSignatureMethod(method, null), references);
        KeyInfoFactory keys = FACTORY.getKeyInfoFactory();
        KeyInfo shown = keys.newKeyInfo(List.of(keys.newX509Data(new ArrayList<>(chain))));
        NodeList headers = document.getElementsByTagNameNS("*", "edXMLHeader");
        DOMSignContext context = new DOMSignContext(key, headers.item(0));
        if (!prefix.equals("-")) {
            context.setDefaultNamespacePrefix(prefix);
        }
        FACTORY.newXMLSignature(info, shown).sign(context);
    }

    private static List<String> ids(Document document) {
        List<String> found = new ArrayList<>();
        NodeList all = document.getElementsByTagName("*");
        for (int at = 0; at < all.getLength(); at++) {
            Element element = (Element) all.item(at);
            if (element.hasAttribute("Id")) {
                element.setIdAttribute("Id", true);
                found.add(element.getAttribute("Id"));
            }
        }
        return found;
    }
}
