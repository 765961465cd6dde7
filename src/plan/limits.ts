/** At most this many hosts in one run: its history is bounded, and it never continues as new (that ends its children). */
export const MOST_HOSTS = 500;
