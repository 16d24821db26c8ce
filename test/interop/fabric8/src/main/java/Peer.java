// What it decides: how a candidate with fabric8's own elector behaves that runs a command while it leads. It uses that
// elector exactly as it is. With -release-on-cancel it gives the lock back before its command has ended, because the
// elector does; do not repair that here.
// What it does not know: leader-run's rules.
// To check: it never exits before its command has ended, and every line that it prints itself is one JSON object.
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.fabric8.kubernetes.client.extended.leaderelection.LeaderCallbacks;
import io.fabric8.kubernetes.client.extended.leaderelection.LeaderElectionConfigBuilder;
import io.fabric8.kubernetes.client.extended.leaderelection.resourcelock.ConfigMapLock;
import io.fabric8.kubernetes.client.extended.leaderelection.resourcelock.LeaseLock;
import io.fabric8.kubernetes.client.extended.leaderelection.resourcelock.Lock;
import java.io.File;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import sun.misc.Signal;

public final class Peer {
  private final List<String> command;
  private final BlockingQueue<String> asked = new LinkedBlockingQueue<>();
  private Process child;
  private boolean refused;

  private Peer(List<String> command) {
    this.command = command;
  }

  public static void main(String[] args) throws Exception {
    int end = Arrays.asList(args).indexOf("--");
    Map<String, String> options = new HashMap<>();
    for (String arg : Arrays.asList(args).subList(0, end)) {
      String[] parts = arg.substring(1).split("=", 2);
      options.put(parts[0], parts.length == 2 ? parts[1] : "true");
    }
    new Peer(Arrays.asList(args).subList(end + 1, args.length)).run(options);
  }

  private void run(Map<String, String> options) throws Exception {
    Config config = Config.fromKubeconfig(new File(options.get("kubeconfig")));
    if (options.containsKey("request-timeout")) {
      config.setRequestTimeout((int) seconds(options, "request-timeout").toMillis());
    }
    Signal.handle(new Signal("TERM"), signal -> asked.add("to stop"));
    try (KubernetesClient client = new KubernetesClientBuilder().withConfig(config).build()) {
      CompletableFuture<?> running = client.leaderElector().withConfig(new LeaderElectionConfigBuilder()
          .withName(options.get("lock"))
          .withLock(lock(options))
          .withLeaseDuration(seconds(options, "lease-duration"))
          .withRenewDeadline(seconds(options, "renew-deadline"))
          .withRetryPeriod(seconds(options, "retry-period"))
          .withReleaseOnCancel(options.containsKey("release-on-cancel"))
          .withLeaderCallbacks(new LeaderCallbacks(this::start, this::stop, this::tell))
          .build()).build().start();
      running.whenComplete((done, failure) -> asked.add("to leave"));
      asked.take();
      running.cancel(true);
      stop();
      System.exit(child == null ? 0 : child.waitFor());
    }
  }

  private static Lock lock(Map<String, String> options) {
    String[] name = options.get("lock").split("/");
    String identity = options.get("identity");
    return switch (options.get("lock-kind")) {
      case "leases" -> new LeaseLock(name[0], name[1], identity);
      case "configmaps" -> new ConfigMapLock(name[0], name[1], identity);
      default -> throw new IllegalArgumentException(options.get("lock-kind"));
    };
  }

  private static Duration seconds(Map<String, String> options, String name) {
    return Duration.ofMillis(Math.round(1000 * Double.parseDouble(options.get(name))));
  }

  // The elector waits for its callbacks, so this one must not wait for the command.
  private synchronized void start() {
    if (refused) {
      return;
    }
    try {
      child = new ProcessBuilder(command).inheritIO().start();
    } catch (IOException error) {
      throw new IllegalStateException(error);
    }
    say("child-started", "\"pid\":" + child.pid());
    child.onExit().thenAccept(ended -> {
      say("child-ended", "\"status\":" + ended.exitValue());
      asked.add("to leave");
    });
  }

  private synchronized void stop() {
    refused = true;
    if (child != null && child.isAlive()) {
      say("child-asked", "\"by\":\"SIGTERM\"");
      child.destroy();
    }
  }

  private void tell(String leader) {
    say("new-leader", "\"leader\":" + (leader == null ? null : '"' + leader + '"'));
  }

  private static void say(String event, String more) {
    System.err.println("{\"event\":\"" + event + "\",\"at\":\"" + Instant.now() + "\"," + more + "}");
  }
}
