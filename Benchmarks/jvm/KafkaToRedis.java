import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import java.util.regex.Pattern;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * What a Java program of the same design reaches: KafkaConsumer, batches of up to 4,096 records, one pipelined
 * connection to Redis, replies awaited a batch, offsets committed each second.
 *
 * The Redis side is written by hand over a SocketChannel: Debian has no package of a Java Redis client. Jedis does more
 * work a command, so this is the upper bound of a loop with Jedis, not its figure.
 *
 * Arguments: brokers, group, topic pattern, Redis port. Runs until it is ended; the harness counts at Redis.
 */
public final class KafkaToRedis {
    private static final int BATCH_BYTES = 256 * 1024;
    private static final int LARGEST_MESSAGE = 2 * 1024 * 1024;

    private final SocketChannel redis;
    private final ByteBuffer commands = ByteBuffer.allocateDirect(BATCH_BYTES + LARGEST_MESSAGE);
    private final ByteBuffer replies = ByteBuffer.allocateDirect(64 * 1024);
    private final Map<String, byte[]> prefixes = new HashMap<>();
    private int inFlight;
    private boolean atLineStart = true;

    private KafkaToRedis(int port) throws IOException {
        redis = SocketChannel.open(new InetSocketAddress("127.0.0.1", port));
        redis.setOption(StandardSocketOptions.TCP_NODELAY, true);
    }

    public static void main(String[] arguments) throws IOException {
        if (arguments.length != 4) {
            System.err.println("usage: KafkaToRedis BROKERS GROUP TOPIC-PATTERN REDIS-PORT");
            System.exit(2);
        }
        Properties settings = new Properties();
        settings.put(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, arguments[0]);
        settings.put(ConsumerConfig.GROUP_ID_CONFIG, arguments[1]);
        settings.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
        settings.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, "false");
        settings.put(ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed");
        settings.put(ConsumerConfig.MAX_POLL_RECORDS_CONFIG, "4096");
        settings.put(
                ConsumerConfig.PARTITION_ASSIGNMENT_STRATEGY_CONFIG,
                "org.apache.kafka.clients.consumer.CooperativeStickyAssignor");
        KafkaToRedis loop = new KafkaToRedis(Integer.parseInt(arguments[3]));
        try (KafkaConsumer<byte[], byte[]> consumer =
                new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            consumer.subscribe(Pattern.compile(arguments[2]));
            loop.run(consumer);
        }
    }

    private void run(KafkaConsumer<byte[], byte[]> consumer) throws IOException {
        long committed = System.nanoTime();
        while (true) {
            ConsumerRecords<byte[], byte[]> records = consumer.poll(Duration.ofMillis(500));
            for (ConsumerRecord<byte[], byte[]> record : records) {
                append(record.topic(), record.value());
                if (commands.position() >= BATCH_BYTES) flush();
            }
            flush();
            if (System.nanoTime() - committed >= 1_000_000_000L) {
                consumer.commitAsync();
                committed = System.nanoTime();
            }
        }
    }

    private void append(String topic, byte[] value) {
        commands.put(prefixes.computeIfAbsent(topic, KafkaToRedis::prefix));
        putDecimal(value.length);
        commands.put((byte) '\r').put((byte) '\n').put(value).put((byte) '\r').put((byte) '\n');
        inFlight++;
    }

    /** market.data.btcusdt.1m → roottrading:market:data:btcusdt:1m. */
    private static byte[] prefix(String topic) {
        String channel = "roottrading:" + topic.replace('.', ':');
        String head = "*3\r\n$7\r\nPUBLISH\r\n$" + channel.length() + "\r\n" + channel + "\r\n$";
        return head.getBytes(StandardCharsets.US_ASCII);
    }

    private void putDecimal(int value) {
        int divisor = 1;
        while (value / divisor >= 10) divisor *= 10;
        for (; divisor > 0; divisor /= 10) commands.put((byte) ('0' + value / divisor % 10));
    }

    private void flush() throws IOException {
        commands.flip();
        while (commands.hasRemaining()) redis.write(commands);
        commands.clear();
        while (inFlight > 0) {
            replies.clear();
            if (redis.read(replies) < 0) throw new IOException("redis: connection closed");
            replies.flip();
            while (replies.hasRemaining()) {
                byte next = replies.get();
                if (atLineStart && next != ':') throw new IOException("redis: unexpected reply");
                atLineStart = next == '\n';
                if (atLineStart) inFlight--;
            }
        }
    }
}
