package pinboot.test;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import javax.security.sasl.SaslException;
import javax.security.sasl.SaslServer;
import org.apache.kafka.common.errors.SaslAuthenticationException;

/**
 * One login by AWS_MSK_IAM: the client sends a JSON object, which is a presigned GET of kafka://HOST/ taken apart, and
 * the signature (Signature Version 4) is computed anew from the secret key and compared.
 */
final class MskSaslServer implements SaslServer {
    static final String MECHANISM = "AWS_MSK_IAM";

    private static final String ALGORITHM = "AWS4-HMAC-SHA256";
    private static final DateTimeFormatter DATE =
            DateTimeFormatter.ofPattern("yyyyMMdd'T'HHmmss'Z'").withZone(ZoneOffset.UTC);
    /** The names that the client writes in small letters in its JSON, as they stand in the signed query. */
    private static final String[] SIGNED = {
        "Action", "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-Security-Token",
        "X-Amz-SignedHeaders",
    };

    private boolean complete;

    @Override
    public byte[] evaluateResponse(byte[] response) throws SaslException {
        String request = UUID.randomUUID().toString();
        String fault;
        try {
            Map<String, String> said =
                    new ObjectMapper().readValue(response, new TypeReference<Map<String, String>>() {});
            fault = fault(said);
        } catch (IOException | GeneralSecurityException | RuntimeException e) {
            fault = e.toString();
        }
        if (fault != null) {
            // The broker's log has the reason; the client is told what MSK tells it, and no more.
            System.out.println("[" + request + "] login refused: " + fault);
            throw new SaslAuthenticationException("[" + request + "]: Access denied");
        }
        complete = true;
        System.out.println("[" + request + "] login of " + getAuthorizationID());
        String answer = "{\"version\":\"2020_10_22\",\"request-id\":\"" + request + "\"}";
        return answer.getBytes(StandardCharsets.UTF_8);
    }

    /** Why these words are no login, or null where they are one. */
    private static String fault(Map<String, String> said) throws GeneralSecurityException {
        String host = said.getOrDefault("host", "");
        String[] scope = said.getOrDefault("x-amz-credential", "").split("/");
        String date = said.getOrDefault("x-amz-date", "");
        String cluster = MskLoginModule.option("cluster");
        String[] labels = cluster.split("\\.");
        String region = labels[labels.length - 3];
        if (!"2020_10_22".equals(said.get("version"))) {
            return "version " + said.get("version");
        }
        if (!"kafka-cluster:Connect".equals(said.get("action"))) {
            return "action " + said.get("action");
        }
        if (!ALGORITHM.equals(said.get("x-amz-algorithm")) || !"host".equals(said.get("x-amz-signedheaders"))) {
            return "another way to sign";
        }
        if (!host.endsWith("." + cluster)) {
            return "host " + host;
        }
        if (scope.length != 5 || !date.startsWith(scope[1]) || !scope[2].equals(region)
                || !scope[3].equals("kafka-cluster") || !scope[4].equals("aws4_request")) {
            return "scope " + said.get("x-amz-credential");
        }
        if (!scope[0].equals(MskLoginModule.option("accessKeyId"))
                || !MskLoginModule.option("sessionToken").equals(said.get("x-amz-security-token"))) {
            return "other credentials: " + scope[0];
        }
        Duration age = Duration.between(DATE.parse(date, Instant::from), Instant.now());
        if (age.abs().getSeconds() > Long.parseLong(said.get("x-amz-expires"))) {
            return "expired: signed at " + date;
        }
        byte[] expected = signature(said, host, date, scope).getBytes(StandardCharsets.UTF_8);
        byte[] given = said.getOrDefault("x-amz-signature", "").getBytes(StandardCharsets.UTF_8);
        return MessageDigest.isEqual(expected, given) ? null : "the signature does not fit";
    }

    private static String signature(Map<String, String> said, String host, String date, String[] scope)
            throws GeneralSecurityException {
        TreeMap<String, String> query = new TreeMap<>();
        for (String name : SIGNED) {
            String value = said.get(name.toLowerCase());
            if (value != null) {
                query.put(encode(name), encode(value));
            }
        }
        StringBuilder joined = new StringBuilder();
        query.forEach((name, value) -> joined.append(joined.length() == 0 ? "" : "&").append(name + "=" + value));
        String canonical = "GET\n/\n" + joined + "\nhost:" + host + "\n\nhost\n" + hex(digest(""));
        String place = scope[1] + "/" + scope[2] + "/" + scope[3] + "/" + scope[4];
        String text = ALGORITHM + "\n" + date + "\n" + place + "\n" + hex(digest(canonical));
        byte[] key = ("AWS4" + MskLoginModule.option("secretAccessKey")).getBytes(StandardCharsets.UTF_8);
        for (int part = 1; part < scope.length; part++) {
            key = hmac(key, scope[part]);
        }
        return hex(hmac(key, text));
    }

    private static String encode(String text) {
        String encoded = URLEncoder.encode(text, StandardCharsets.UTF_8);
        return encoded.replace("+", "%20").replace("*", "%2A").replace("%7E", "~");
    }

    private static byte[] hmac(byte[] key, String text) throws GeneralSecurityException {
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(key, "HmacSHA256"));
        return mac.doFinal(text.getBytes(StandardCharsets.UTF_8));
    }

    private static byte[] digest(String text) throws GeneralSecurityException {
        return MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
    }

    private static String hex(byte[] bytes) {
        StringBuilder text = new StringBuilder();
        for (byte each : bytes) {
            text.append(String.format("%02x", each));
        }
        return text.toString();
    }

    @Override
    public String getMechanismName() {
        return MECHANISM;
    }

    @Override
    public boolean isComplete() {
        return complete;
    }

    @Override
    public String getAuthorizationID() {
        return MskLoginModule.option("principal");
    }

    @Override
    public byte[] unwrap(byte[] incoming, int offset, int length) {
        throw new IllegalStateException("the mechanism has no layer of its own");
    }

    @Override
    public byte[] wrap(byte[] outgoing, int offset, int length) {
        throw new IllegalStateException("the mechanism has no layer of its own");
    }

    @Override
    public Object getNegotiatedProperty(String name) {
        return null;
    }

    @Override
    public void dispose() {}
}
