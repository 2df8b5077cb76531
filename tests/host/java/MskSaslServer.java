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
 * One login by AWS_MSK_IAM: the client sends the parts of a presigned GET of kafka://HOST/ as a JSON object. The signature
 * (Signature Version 4) is computed again from the secret key and compared.
 */
final class MskSaslServer implements SaslServer {
    static final String MECHANISM = "AWS_MSK_IAM";

    private static final String ALGORITHM = "AWS4-HMAC-SHA256";
    private static final DateTimeFormatter DATE =
            DateTimeFormatter.ofPattern("yyyyMMdd'T'HHmmss'Z'").withZone(ZoneOffset.UTC);
    /** The names in the signed query; the client's JSON has them in lower case. */
    private static final String[] SIGNED = {
        "Action", "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-Security-Token",
        "X-Amz-SignedHeaders",
    };

    private boolean complete;

    @Override
    public byte[] evaluateResponse(byte[] response) throws SaslException {
        String request = UUID.randomUUID().toString();
        String problem;
        try {
            Map<String, String> fields =
                    new ObjectMapper().readValue(response, new TypeReference<Map<String, String>>() {});
            problem = problem(fields);
        } catch (IOException | GeneralSecurityException | RuntimeException e) {
            problem = e.toString();
        }
        if (problem != null) {
            // Only the broker's log has the reason; the client gets the same message as from MSK.
            System.out.println("[" + request + "] login refused: " + problem);
            throw new SaslAuthenticationException("[" + request + "]: Access denied");
        }
        complete = true;
        System.out.println("[" + request + "] login of " + getAuthorizationID());
        String answer = "{\"version\":\"2020_10_22\",\"request-id\":\"" + request + "\"}";
        return answer.getBytes(StandardCharsets.UTF_8);
    }

    /** Why these fields are not a valid login, or null if they are. */
    private static String problem(Map<String, String> fields) throws GeneralSecurityException {
        String host = fields.getOrDefault("host", "");
        String[] scope = fields.getOrDefault("x-amz-credential", "").split("/");
        String date = fields.getOrDefault("x-amz-date", "");
        String cluster = MskLoginModule.option("cluster");
        String[] labels = cluster.split("\\.");
        String region = labels[labels.length - 3];
        if (!"2020_10_22".equals(fields.get("version"))) {
            return "version " + fields.get("version");
        }
        if (!"kafka-cluster:Connect".equals(fields.get("action"))) {
            return "action " + fields.get("action");
        }
        if (!ALGORITHM.equals(fields.get("x-amz-algorithm")) || !"host".equals(fields.get("x-amz-signedheaders"))) {
            return "another signature algorithm";
        }
        if (!host.endsWith("." + cluster)) {
            return "host " + host;
        }
        if (scope.length != 5 || !date.startsWith(scope[1]) || !scope[2].equals(region)
                || !scope[3].equals("kafka-cluster") || !scope[4].equals("aws4_request")) {
            return "scope " + fields.get("x-amz-credential");
        }
        if (!scope[0].equals(MskLoginModule.option("accessKeyId"))
                || !MskLoginModule.option("sessionToken").equals(fields.get("x-amz-security-token"))) {
            return "other credentials: " + scope[0];
        }
        Duration age = Duration.between(DATE.parse(date, Instant::from), Instant.now());
        if (age.abs().getSeconds() > Long.parseLong(fields.get("x-amz-expires"))) {
            return "expired: signed at " + date;
        }
        byte[] expected = signature(fields, host, date, scope).getBytes(StandardCharsets.UTF_8);
        byte[] given = fields.getOrDefault("x-amz-signature", "").getBytes(StandardCharsets.UTF_8);
        return MessageDigest.isEqual(expected, given) ? null : "the signature does not match";
    }

    private static String signature(Map<String, String> fields, String host, String date, String[] scope)
            throws GeneralSecurityException {
        TreeMap<String, String> query = new TreeMap<>();
        for (String name : SIGNED) {
            String value = fields.get(name.toLowerCase());
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
        throw new IllegalStateException("the mechanism has no security layer");
    }

    @Override
    public byte[] wrap(byte[] outgoing, int offset, int length) {
        throw new IllegalStateException("the mechanism has no security layer");
    }

    @Override
    public Object getNegotiatedProperty(String name) {
        return null;
    }

    @Override
    public void dispose() {}
}
