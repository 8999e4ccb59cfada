/** Large files of the main thread that a Worker has opened, the last few in use. */
import type { Lent } from "../../io/contract/engine.ts";

/** Files that stay open beside those in use. */
const filesMax = 4;

export class BorrowedFiles<File> {
  readonly #open = new Map<number, { file: File; users: number }>();
  readonly #borrow: (lent: Lent) => File;
  readonly #close: (file: File) => void;

  /** `borrow` opens a file of the main thread here, and `close` closes it. */
  constructor(borrow: (lent: Lent) => File, close: (file: File) => void) {
    this.#borrow = borrow;
    this.#close = close;
  }

  /** Runs `use` with the file, which is opened if it is not; it stays open until `use` has ended. */
  async with<T>(lent: Lent, use: (file: File) => T | Promise<T>): Promise<T> {
    const borrowed = this.#open.get(lent.id) ?? { file: this.#borrow(lent), users: 0 };
    this.#open.delete(lent.id);
    this.#open.set(lent.id, borrowed);
    borrowed.users++;
    try {
      return await use(borrowed.file);
    } finally {
      borrowed.users--;
      this.#closeBeyond(filesMax);
    }
  }

  /** Closes every file that is not in use. */
  closeAll(): void {
    this.#closeBeyond(0);
  }

  #closeBeyond(count: number): void {
    for (const [id, { file, users }] of this.#open) {
      if (this.#open.size <= count) return;
      if (users > 0) continue;
      this.#open.delete(id);
      this.#close(file);
    }
  }
}
