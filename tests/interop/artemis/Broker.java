import org.apache.activemq.artemis.core.server.embedded.EmbeddedActiveMQ;

/** Artemis embedded: java -cp 'lib/*' Broker.java file:///.../broker.xml. A line "depth QUEUE" on standard input is answered with its message count. */
public class Broker {
    public static void main(String[] arguments) throws Exception {
        EmbeddedActiveMQ broker = new EmbeddedActiveMQ();
        broker.setConfigResourcePath(arguments[0]);
        broker.start();
        System.out.println("started");
        var input = new java.io.BufferedReader(new java.io.InputStreamReader(System.in));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            var queue = broker.getActiveMQServer().locateQueue(line.substring(line.indexOf(' ') + 1));
            System.out.println("depth " + (queue == null ? 0 : queue.getMessageCount()));
        }
        broker.stop();
    }
}
