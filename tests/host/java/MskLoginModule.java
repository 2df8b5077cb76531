package pinboot.test;

import java.security.Provider;
import java.security.Security;
import java.util.Map;
import javax.security.auth.Subject;
import javax.security.auth.callback.CallbackHandler;
import javax.security.auth.spi.LoginModule;
import javax.security.sasl.Sasl;
import javax.security.sasl.SaslServer;
import javax.security.sasl.SaslServerFactory;

/**
 * Adds the mechanism AWS_MSK_IAM to a broker: Kafka loads the login module that its configuration names, and loading this
 * one registers the server half of the mechanism. The options of the JAAS line are the only accepted credentials.
 */
public final class MskLoginModule implements LoginModule {
    static volatile Map<String, ?> options = Map.of();

    static {
        Security.addProvider(new MskProvider());
    }

    @Override
    public void initialize(Subject subject, CallbackHandler handler, Map<String, ?> shared, Map<String, ?> options) {
        MskLoginModule.options = Map.copyOf(options);
    }

    @Override
    public boolean login() {
        return true;
    }

    @Override
    public boolean commit() {
        return true;
    }

    @Override
    public boolean abort() {
        return true;
    }

    @Override
    public boolean logout() {
        return true;
    }

    static String option(String name) {
        Object value = options.get(name);
        if (value == null) {
            throw new IllegalStateException("the broker's JAAS line has no " + name);
        }
        return value.toString();
    }

    private static final class MskProvider extends Provider {
        private static final long serialVersionUID = 1;

        MskProvider() {
            super("PinbootTestMsk", "1", "the server half of AWS_MSK_IAM, for tests");
            put("SaslServerFactory." + MskSaslServer.MECHANISM, Factory.class.getName());
        }
    }

    /** Made by the JDK's Sasl class, which wants it public and with a constructor that takes nothing. */
    public static final class Factory implements SaslServerFactory {
        @Override
        public SaslServer createSaslServer(
                String mechanism, String protocol, String server, Map<String, ?> properties, CallbackHandler handler) {
            return MskSaslServer.MECHANISM.equals(mechanism) ? new MskSaslServer() : null;
        }

        @Override
        public String[] getMechanismNames(Map<String, ?> properties) {
            boolean plain = properties != null && "true".equals(properties.get(Sasl.POLICY_NOPLAINTEXT));
            return plain ? new String[0] : new String[] {MskSaslServer.MECHANISM};
        }
    }
}
