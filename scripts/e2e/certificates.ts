import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

const KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

/** The key and the certificate of a TLS server. */
export interface Certificate {
  key: Buffer;
  cert: Buffer;
}

/** A certificate authority in a folder, by openssl. */
export class Authority {
  /** Its certificate: clients that trust it name this file in SSL_CERT_FILE. */
  readonly file: string;
  readonly #name: string;
  readonly #dir: string;

  static async create(dir: string, name: string): Promise<Authority> {
    const authority = new Authority(dir, name);
    const subject = ["-subj", `/CN=${name}`, "-days", "2"];
    await run("openssl", ["req", "-x509", ...KEY, ...subject, "-keyout", authority.#key, "-out", authority.file]);
    return authority;
  }

  private constructor(dir: string, name: string) {
    this.#dir = dir;
    this.#name = name;
    this.file = join(dir, `${name}.pem`);
  }

  get #key(): string {
    return join(this.#dir, `${this.#name}.key`);
  }

  /** Signs a certificate for the loopback address, valid for that many days; negative: it has expired. */
  async sign(days: number): Promise<Certificate> {
    const name = join(this.#dir, `${this.#name}${days}`);
    const [key, request, cert] = [`${name}.key`, `${name}.csr`, `${name}.pem`];
    const subject = ["-subj", "/CN=manager", "-addext", "subjectAltName=IP:127.0.0.1"];
    await run("openssl", ["req", ...KEY, ...subject, "-keyout", key, "-out", request]);
    const by = ["-CA", this.file, "-CAkey", this.#key, "-copy_extensions", "copy"];
    await run("openssl", ["x509", "-req", "-in", request, ...by, "-days", String(days), "-out", cert]);
    return { key: await readFile(key), cert: await readFile(cert) };
  }
}
