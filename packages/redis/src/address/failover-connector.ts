import { SentinelConnector } from "ioredis";

/**
 * ioredis' connector by Sentinel, for connections that survive every failover. Where a Sentinel tells of a failover, ioredis' own gives up the
 * connection, and the same where that is broken already and asks the Sentinels for the primary at this moment: then it is never connected
 * again, and all its commands fail. A primary that dies brings both about, so some connections of a fleet were lost in each failover. This
 * one asks again.
 */
export class FailoverConnector extends SentinelConnector {
  #asksAgain = false;

  constructor(options: unknown) {
    super(Object(options));
  }

  override async connect(...args: Parameters<SentinelConnector["connect"]>) {
    for (;;) {
      this.#asksAgain = false;
      try {
        return await super.connect(...args);
      } catch (error) {
        if (!this.#asksAgain) throw error;
      }
    }
  }

  override disconnect(): void {
    // The detector of failovers is private. It marks itself before it calls; anybody else who calls wants the connection closed.
    const detector = Object(Reflect.get(this, "failoverDetector"));
    this.#asksAgain = Reflect.get(detector, "isDisconnected") === true;
    super.disconnect();
    // This has marked it in any case, and the next call may be of somebody else.
    Reflect.set(this, "failoverDetector", null);
  }
}
